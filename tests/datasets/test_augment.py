"""Augmentation against plain NumPy, image by image."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_nas_jax.datasets import augment
from gpt_nas_jax.types import UsageError

B, H, W, C = 64, 6, 5, 2
PAD = 2
# All values are distinct and nonzero.
IMAGES = np.arange(1, B * H * W * C + 1, dtype=np.float32).reshape(B, H, W, C)

crop = jax.jit(functools.partial(augment.random_crop, pad=PAD))
flip = jax.jit(augment.random_flip)
cut = jax.jit(augment.cutout, static_argnames="size")
whole = jax.jit(augment.augment, static_argnames=("pad", "flip", "cutout_size"))

seeds = st.integers(0, 2**31 - 1)
few = settings(deadline=None, max_examples=20)


def shifts(image: np.ndarray) -> dict[bytes, tuple[int, int]]:
    """Every shifted version of an image, mapped to its shift."""
    found = {}
    for dy in range(-PAD, PAD + 1):
        for dx in range(-PAD, PAD + 1):
            moved = np.zeros_like(image)
            moved[max(dy, 0) : H + dy, max(dx, 0) : W + dx] = image[
                max(-dy, 0) : H - dy, max(-dx, 0) : W - dx
            ]
            found[moved.tobytes()] = (dy, dx)
    return found


def squares(width: int, size: int) -> set[bytes]:
    """All possible cutouts: ones with a square of zeros around some pixel."""
    found = set()
    for y in range(H):
        for x in range(width):
            image = np.ones((H, width, C), np.float32)
            top, left = y - size // 2, x - size // 2
            image[max(top, 0) : top + size, max(left, 0) : left + size] = 0
            found.add(image.tobytes())
    return found


@few
@given(seeds)
def test_a_crop_is_a_shift_with_zeros_moved_in(seed):
    cropped = np.asarray(crop(jax.random.key(seed), IMAGES))
    moves = [shifts(a)[b.tobytes()] for a, b in zip(IMAGES, cropped, strict=True)]
    # With 64 draws of 25 shifts, each axis reaches its extremes, and the axes differ.
    assert {dy for dy, _ in moves} == {dx for _, dx in moves} == {-2, -1, 0, 1, 2}
    assert any(dy != dx for dy, dx in moves)


def test_a_flip_mirrors_half_of_the_images_left_to_right():
    images = np.tile(IMAGES, (16, 1, 1, 1))
    flipped = np.asarray(flip(jax.random.key(0), images))
    kept = (flipped == images).all((1, 2, 3))
    mirrored = (flipped == images[:, :, ::-1]).all((1, 2, 3))
    assert np.all(kept != mirrored)
    # 80 is five standard deviations of 1,024 tosses of a fair coin.
    assert abs(mirrored.sum() - 512) < 80


@pytest.mark.parametrize(("width", "size"), [(W, 1), (W, 4), (H, 3)])
def test_a_cut_is_one_square_around_any_pixel(width, size):
    ones = np.ones((512, H, width, C), np.float32)
    cuts = {image.tobytes() for image in np.asarray(cut(jax.random.key(3), ones, size))}
    assert cuts == squares(width, size)


@few
@given(seeds)
def test_the_same_key_augments_alike_and_another_does_not(seed):
    run = functools.partial(whole, images=IMAGES, pad=PAD, flip=True, cutout_size=2)
    once, again = run(jax.random.key(seed)), run(jax.random.key(seed))
    np.testing.assert_array_equal(once, again)
    assert np.any(np.asarray(run(jax.random.key(seed + 1))) != np.asarray(once))


def test_a_crop_alone_never_mirrors():
    out = whole(jax.random.key(1), IMAGES, pad=PAD, flip=False, cutout_size=0)
    for image, cropped in zip(IMAGES, np.asarray(out), strict=True):
        assert cropped.tobytes() in shifts(image)


def test_without_any_augmentation_images_stay_as_they_are():
    out = whole(jax.random.key(1), IMAGES, pad=0, flip=False, cutout_size=0)
    np.testing.assert_array_equal(out, IMAGES)


def test_crop_flip_and_cut_are_all_applied_to_uint8():
    images = np.full((256, H, W, C), 200, np.uint8)
    images[:, :, 0] = 100
    out = whole(jax.random.key(2), images, pad=1, flip=True, cutout_size=1)
    assert out.dtype == jnp.uint8
    out = np.asarray(out)
    borders = [out[:, 0], out[:, -1], out[:, :, 0], out[:, :, -1]]
    assert all((border == 0).all((1, 2)).any() for border in borders)
    bright_at_left = (out[:, :, 0] == 200).any((1, 2))
    assert 0.1 < bright_at_left.mean() < 0.9
    inner = out[:, 1:-1, 1:-1]
    assert 0.2 < (inner == 0).any((1, 2, 3)).mean() < 0.9


@few
@given(seeds)
def test_normalise_equals_the_formula(seed):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (4, H, W, 3), dtype=np.uint8)
    mean, std = random.uniform(0.1, 1, (2, 3)).astype(np.float32)
    with jax.numpy_rank_promotion("raise"):
        out = jax.jit(augment.normalise)(images, mean, std)
    assert out.dtype == jnp.float32
    expected = (images.astype(np.float64) / 255 - mean) / std
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


@few
@given(st.sampled_from([(12, 4), (13, 4), (7, 7), (5, 1)]), seeds)
def test_every_index_comes_once_an_epoch_but_for_the_last_batch(sizes, seed):
    n, batch = sizes
    batches = augment.epoch_batches(jax.random.key(seed), n, batch)
    assert batches.shape == (n // batch, batch)
    assert batches.dtype == jnp.int32
    indices = set(np.asarray(batches).ravel().tolist())
    assert len(indices) == n // batch * batch
    assert indices <= set(range(n))


def test_every_epoch_has_its_own_order_and_leaves_out_other_images():
    epochs = [augment.epoch_batches(jax.random.key(s), 13, 4) for s in range(200)]
    assert len({np.asarray(e).tobytes() for e in epochs}) == 200
    left_out = [set(range(13)) - set(np.asarray(e).ravel().tolist()) for e in epochs]
    assert set.union(*left_out) == set(range(13))


def test_fewer_images_than_a_batch_are_refused():
    with pytest.raises(UsageError, match=r"batch of 8 .* 5"):
        augment.epoch_batches(jax.random.key(0), 5, 8)
