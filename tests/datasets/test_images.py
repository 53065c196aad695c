"""Loading by name, and the split into training and validation images."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.datasets.augment import normalise
from gpt_nas_jax.types import UsageError


def numbered(labels: list[int]) -> images.Dataset:
    """A data set in which each image encodes its own number in two channels."""
    number = np.arange(len(labels))
    pixels = np.stack([number % 256, number // 256 + 7], -1).astype(np.uint8)
    train = images.Images(pixels[:, None, None], np.array(labels, np.int32))
    test = images.Images(np.zeros((1, 1, 1, 2), np.uint8), np.zeros(1, np.int32))
    return images.Dataset("numbered", max(labels) + 1, train, test, flip=True)


def numbers(part: images.Images) -> list[int]:
    low, high = part.images[:, 0, 0].astype(int).T
    return (low + 256 * (high - 7)).tolist()


# Few sizes and fractions, since JAX compiles a permutation for every length.
labels_lists = st.sampled_from([60, 300]).flatmap(
    lambda n: st.lists(st.integers(0, 3), min_size=n - 40, max_size=n - 40).map(
        lambda drawn: drawn + [0, 1, 2, 3] * 10
    )
)
fractions = st.sampled_from([0.2, 0.35])
seeds = st.integers(0, 2**31 - 1)


@settings(deadline=None, max_examples=30)
@given(labels_lists, fractions, seeds)
def test_parts_are_disjoint_complete_and_keep_their_labels(labels, fraction, seed):
    dataset = numbered(labels)
    parts = images.split(dataset, jax.random.key(seed), fraction, None)
    train, valid = numbers(parts.train), numbers(parts.valid)
    assert sorted(train + valid) == list(range(len(labels)))
    assert len(valid) == round(fraction * len(labels))
    for part in (parts.train, parts.valid):
        assert part.labels.tolist() == [labels[i] for i in numbers(part)]
    assert parts.test is dataset.test


@settings(deadline=None, max_examples=30)
@given(labels_lists, fractions, seeds)
def test_every_class_gives_its_share_to_within_one_image(labels, fraction, seed):
    parts = images.split(numbered(labels), jax.random.key(seed), fraction, 32)
    assert len(parts.train) == 32
    size = np.bincount(labels)
    drawn = np.bincount(parts.valid.labels, minlength=4)
    share = len(parts.valid) / len(labels)
    assert np.all(np.abs(drawn - share * size) < 1)
    remaining = size - drawn
    kept = np.bincount(parts.train.labels, minlength=4)
    assert np.all(np.abs(kept - 32 / remaining.sum() * remaining) < 1)


@settings(deadline=None, max_examples=20)
@given(labels_lists, fractions, seeds)
def test_the_key_alone_decides_the_validation_images(labels, fraction, seed):
    dataset = numbered(labels)
    key = jax.random.key(seed)
    parts = images.split(dataset, key, fraction, None)
    again = images.split(dataset, key, fraction, None)
    limited = images.split(dataset, key, fraction, 32)
    other = images.split(dataset, jax.random.key(seed + 1), fraction, None)
    assert numbers(again.train) == numbers(parts.train)
    assert numbers(again.valid) == numbers(parts.valid) == numbers(limited.valid)
    assert set(numbers(limited.train)) < set(numbers(parts.train))
    assert numbers(other.valid) != numbers(parts.valid)


def test_mean_and_deviation_are_of_the_training_part_by_channel():
    random = np.random.default_rng(0)
    pixels = random.integers(0, (40, 256, 100), (60, 5, 4, 3)).astype(np.uint8)
    labels = np.tile(np.arange(3, dtype=np.int32), 20)
    train = images.Images(pixels, labels)
    dataset = images.Dataset("random", 3, train, train, flip=False)
    parts = images.split(dataset, jax.random.key(0), 0.5, 24)
    values = parts.train.images.reshape(-1, 3).astype(np.float64) / 255
    np.testing.assert_allclose(parts.mean, values.sum(0) / len(values), rtol=1e-6)
    deviations = values - values.sum(0) / len(values)
    variance = (deviations**2).sum(0) / len(values)
    np.testing.assert_allclose(parts.std, variance**0.5, rtol=1e-6)
    assert parts.mean.dtype == parts.std.dtype == np.float32
    assert (parts.num_classes, parts.flip) == (3, False)


def test_a_limit_above_what_remains_keeps_all():
    parts = images.split(numbered([0, 1] * 10), jax.random.key(0), 0.5, 1000)
    assert len(parts.train) == len(parts.valid) == 10


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_zero_and_one_is_refused(fraction):
    with pytest.raises(UsageError, match="valid_fraction"):
        images.split(numbered([0, 1] * 10), jax.random.key(0), fraction, None)


@pytest.mark.parametrize("limit", [1, 0, -3])
def test_a_limit_below_the_number_of_classes_is_refused(limit):
    with pytest.raises(UsageError, match=f"^--data_train_limit={limit} .*at least 2$"):
        images.split(numbered([0, 1] * 10), jax.random.key(0), 0.5, limit)


@pytest.mark.parametrize("fraction", [0.01, 0.15, 0.5, 0.99])
@pytest.mark.parametrize(
    "sizes", [(200, 3), (3, 200), (3,) * 30, (2, 2), (50, 2, 7, 2, 2), (0, 4, 0, 30)]
)
def test_rare_classes_are_in_every_part(sizes, fraction):
    """Even if their share rounds to zero; a limit keeps one image of each, too."""
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    there = {label for label, size in enumerate(sizes) if size}
    parts = images.split(numbered(labels), jax.random.key(3), fraction, len(there))
    assert {*parts.train.labels.tolist()} == {*parts.valid.labels.tolist()} == there
    assert len(parts.train) == len(there)
    whole = images.split(numbered(labels), jax.random.key(3), fraction, None)
    together = numbers(whole.train) + numbers(whole.valid)
    assert sorted(together) == list(range(len(labels)))
    share = round(fraction * len(labels))
    bounded = min(max(share, len(there)), len(labels) - len(there))
    assert len(whole.valid) == bounded


@pytest.mark.parametrize("sizes", [(200, 3), (3,) * 300, (2, 9)])
def test_rare_classes_are_in_the_test_part_that_is_set_aside(sizes):
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    dataset = images.with_test("some", len(sizes), numbered(labels).train, flip=False)
    for part in (dataset.train, dataset.test):
        assert np.bincount(part.labels, minlength=len(sizes)).min() >= 1
    together = numbers(dataset.train) + numbers(dataset.test)
    assert sorted(together) == list(range(len(labels)))
    if min(sizes) >= 3:
        parts = images.split(dataset, jax.random.key(0), 0.15, None)
        assert len(np.unique(parts.train.labels)) == len(sizes)
        assert len(np.unique(parts.valid.labels)) == len(sizes)


def as_ever(labels: list[int], count: int, key: jax.Array) -> list[int]:
    """Draws from each class by the largest remainder method alone."""
    order = np.asarray(jax.random.permutation(key, len(labels))).tolist()
    shares = {
        label: divmod(labels.count(label) * count, len(labels)) for label in {*labels}
    }
    by_remainder = sorted(shares, key=lambda label: (-shares[label][1], label))
    missing = count - sum(share for share, _ in shares.values())
    quota = {label: shares[label][0] for label in shares}
    for label in by_remainder[:missing]:
        quota[label] += 1
    return sorted(
        index
        for label in shares
        for index in [i for i in order if labels[i] == label][: quota[label]]
    )


@given(
    st.lists(st.integers(0, 4), min_size=40, max_size=40),
    st.integers(1, 40),
    seeds,
)
def test_a_draw_without_empty_classes_is_by_remainders_alone(labels, count, seed):
    key = jax.random.key(seed)
    expected = as_ever(labels, count, key)
    drawn = images.stratified(np.array(labels), count, key).tolist()
    assert len(drawn) == len({*drawn}) == count
    if {labels[index] for index in expected} == {*labels}:
        assert drawn == expected
    elif count >= len({*labels}):
        assert {labels[index] for index in drawn} == {*labels}


@pytest.mark.parametrize("alone", [1, 2, 15])
def test_classes_of_a_single_image_are_named_with_what_would_help(alone):
    labels = [0, 0, 0, *range(1, alone + 1)]
    dataset = numbered(labels)
    named = ", ".join(map(str, range(1, min(alone, 10) + 1)))
    more = " and 5 more" if alone == 15 else ""
    have = f"^class(es)? {named}{more} ha(s|ve) one image"
    with pytest.raises(UsageError, match=f"{have} to train on; .*add images"):
        images.split(dataset, jax.random.key(0), 0.15, None)
    with pytest.raises(UsageError, match=f"{have}; .*give a test part"):
        images.with_test("some", alone + 1, dataset.train, flip=False)


@given(
    st.lists(st.none() | st.integers(0, 255), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_constant_channels_are_normalised_to_zero(constants, seed):
    """``constants`` has the grey level of each channel, or None if it varies."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (120, 8, 8, len(constants)), dtype=np.uint8)
    for channel, level in enumerate(constants):
        if level is not None:
            pixels[..., channel] = level
    train = images.Images(pixels, np.arange(120, dtype=np.int32) % 2)
    dataset = images.Dataset("some", 2, train, train, flip=False)
    parts = images.split(dataset, jax.random.key(0), 0.15, None)
    normalised = np.asarray(normalise(parts.train.images, parts.mean, parts.std))
    assert np.all(np.isfinite(normalised))
    for channel, level in enumerate(constants):
        deviation = normalised[..., channel].astype(np.float64).std()
        assert deviation == pytest.approx(0 if level is not None else 1, abs=1e-4)
        assert (parts.std[channel] == 1) == (level is not None)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(
        UsageError, match=r"'cifar11'.*digits, cifar10, cifar100.*tfds:NAME"
    ):
        registry.load("cifar11", tmp_path)


@pytest.mark.parametrize(
    "name", ["cifar10", "cifar100", "imagenet2012", "folder", "npz"]
)
def test_a_folder_with_an_impossible_name_is_refused(tmp_path, name):
    path = tmp_path / ("n" * 300)
    with pytest.raises(UsageError, match=str(path)) as raised:
        registry.load(name, path)
    assert "\n" not in str(raised.value)
