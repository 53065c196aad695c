"""Mixup, cutmix and random erasing against their papers' definitions."""

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gpt_nas_jax.datasets import erasing, mixing

B, H, W, C = 12, 16, 20, 3
# Each image has a single value, so that every pixel identifies its image.
IMAGES = jnp.tile(jnp.arange(1.0, B + 1).reshape(B, 1, 1, 1), (1, H, W, C))

mixup = jax.jit(mixing.mixup, static_argnums=2)
cutmix = jax.jit(mixing.cutmix, static_argnums=2)
either = jax.jit(mixing.mixed, static_argnums=(2, 3))
erase = jax.jit(erasing.random_erasing)

seeds = st.integers(0, 2**31 - 1)
few = settings(deadline=None, max_examples=40)


@few
@given(seeds)
def test_mixup_is_a_weighted_mean_with_another_image(seed: int) -> None:
    images = np.random.default_rng(seed).normal(size=(B, H, W, C)).astype(np.float32)
    mixed, partner, share = map(np.asarray, mixup(jax.random.key(seed), images, 0.4))
    assert sorted(partner) == list(range(B))
    assert 0 <= share <= 1
    expected = share * images + (1 - share) * images[partner]
    np.testing.assert_allclose(mixed, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 4.0])
def test_shares_have_the_beta_distribution(alpha: float) -> None:
    small = IMAGES[:, :2, :2]
    draw = jax.jit(jax.vmap(lambda key: mixing.mixup(key, small, alpha)[2]))
    shares = np.asarray(draw(jax.random.split(jax.random.key(1), 2_000)))
    found = stats.kstest(shares.astype(np.float64), stats.beta(alpha, alpha).cdf)
    assert found.pvalue > 0.001


@few
@given(seeds)
def test_the_share_of_a_cutmix_is_the_area_that_is_left(seed: int) -> None:
    mixed, partner, share = map(np.asarray, cutmix(jax.random.key(seed), IMAGES, 1.0))
    images = np.asarray(IMAGES)
    theirs, own = mixed == images[partner], mixed == images
    assert np.all(own | theirs)
    other = partner != np.arange(B)
    assert other.any()
    pasted = ~own[other][..., 0]
    # The pasted region is the same in all images, and it is a rectangle.
    assert (pasted == pasted[0]).all()
    rows, columns = pasted[0].any(1), pasted[0].any(0)
    np.testing.assert_array_equal(pasted[0], np.outer(rows, columns))
    for side in (rows, columns):
        assert np.count_nonzero(np.diff(side.astype(int)) == 1) + side[0] <= 1
    assert share == pytest.approx(1 - pasted[0].mean(), abs=1e-7)


def test_rectangles_of_a_cutmix_are_as_large_as_the_paper_draws_them() -> None:
    """In distribution, against the algorithm of the paper's appendix in NumPy."""
    draw = jax.jit(jax.vmap(lambda key: mixing.cutmix(key, IMAGES[:2], 1.0)[2]))
    shares = np.asarray(draw(jax.random.split(jax.random.key(2), 4_000)))
    random, expected = np.random.default_rng(0), []
    for _ in range(4_000):
        cut = np.sqrt(1 - random.beta(1, 1))
        sides = []
        for length in (H, W):
            centre, half = random.integers(length), int(length * cut) // 2
            sides.append(
                np.clip(centre + half, 0, length) - np.clip(centre - half, 0, length)
            )
        expected.append(H * W - np.prod(sides))
    assert stats.ks_2samp(np.round(shares * H * W), expected).pvalue > 0.001


def test_each_batch_gets_either_mixup_or_cutmix() -> None:
    kinds, images = collections.Counter(), np.asarray(IMAGES)
    for seed in range(48):
        mixed, partner, share = map(
            np.asarray, either(jax.random.key(seed), IMAGES, 1.0, 1.0)
        )
        whole = share * images + (1 - share) * images[partner]
        kinds["mixup" if np.allclose(mixed, whole, rtol=1e-5) else "cutmix"] += 1
    assert min(kinds["mixup"], kinds["cutmix"]) > 8


@functools.cache
def erased(count: int, height: int, width: int) -> np.ndarray:
    """``bool[count, H, W]``: the erased pixels, with probability 0.5 per image."""
    images = np.zeros((count, height, width, 1), np.float32)
    noise = np.ones_like(images)
    out = np.asarray(erase(jax.random.key(4), images, noise, 0.5))
    assert set(np.unique(out)) <= {0.0, 1.0}
    return out[..., 0] == 1


@pytest.mark.parametrize("size", [(32, 32), (40, 24)])
def test_what_is_erased_is_a_rectangle_within_the_papers_bounds(
    size: tuple[int, int],
) -> None:
    masks = erased(2_000, *size)
    there = masks[masks.any((1, 2))]
    # Five standard deviations of a fair coin.
    assert abs(len(there) - 1_000) < 5 * np.sqrt(500)
    tall, wide = there.any(2).sum(1), there.any(1).sum(1)
    np.testing.assert_array_equal(there.sum((1, 2)), tall * wide)
    # Sides are rounded to pixels.
    low, high = erasing.AREAS
    pixels = size[0] * size[1]
    assert np.all((tall + 0.5) * (wide + 0.5) >= low * pixels)
    assert np.all((tall - 0.5) * (wide - 0.5) <= high * pixels)
    assert np.all((tall + 0.5) / (wide - 0.5) >= erasing.ASPECTS[0])
    assert np.all((tall - 0.5) / (wide + 0.5) <= erasing.ASPECTS[1])
    assert np.all((tall < size[0]) & (wide < size[1]))


def test_rectangles_are_drawn_as_by_the_papers_algorithm() -> None:
    masks = erased(2_000, 32, 32)
    there = masks[masks.any((1, 2))]
    random, areas, tops = np.random.default_rng(0), [], []
    while len(areas) < len(there):
        area, aspect = random.uniform(0.02, 0.4) * 1024, random.uniform(0.3, 1 / 0.3)
        tall, wide = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
        if tall < 32 and wide < 32:
            areas.append(tall * wide)
            tops.append(random.integers(32 - tall + 1))
    assert stats.ks_2samp(there.sum((1, 2)), areas).pvalue > 0.001
    assert stats.ks_2samp(there.any(2).argmax(1), tops).pvalue > 0.001


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_never_and_always(probability: float) -> None:
    images = np.zeros((64, 8, 8, 2), np.uint8)
    noise = np.random.default_rng(0).integers(1, 256, images.shape, np.uint8)
    out = np.asarray(erase(jax.random.key(0), images, noise, probability))
    assert out.dtype == np.uint8
    inside = out.any((1, 2, 3))
    assert inside.all() if probability else not inside.any()
    np.testing.assert_array_equal(out, np.where(out, noise, 0))
