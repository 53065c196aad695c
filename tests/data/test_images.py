"""Loading by name, and the division into training and validation images."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_nas_jax.data import images
from gpt_nas_jax.types import UsageError


def numbered(labels: list[int]) -> images.Dataset:
    """A data set whose every image shows its own number, in two channels."""
    number = np.arange(len(labels))
    pixels = np.stack([number % 256, number // 256 + 7], -1).astype(np.uint8)
    train = images.Images(pixels[:, None, None], np.array(labels, np.int32))
    test = images.Images(np.zeros((1, 1, 1, 2), np.uint8), np.zeros(1, np.int32))
    return images.Dataset("numbered", max(labels) + 1, train, test, flip=True)


def numbers(part: images.Images) -> list[int]:
    low, high = part.images[:, 0, 0].astype(int).T
    return (low + 256 * (high - 7)).tolist()


# Few sizes and fractions: JAX compiles a permutation for every length.
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
def test_the_key_alone_decides_who_validates(labels, fraction, seed):
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


@pytest.mark.parametrize(
    ("fraction", "limit", "setting"),
    [
        (0.05, None, "--data_valid_fraction=0.05"),
        (0.95, None, "--data_valid_fraction=0.95"),
        (0.5, 1, "--data_train_limit=1"),
        (0.5, 0, "--data_train_limit=0"),
        (0.5, -3, "--data_train_limit=-3"),
    ],
)
def test_a_part_without_some_class_is_refused(fraction, limit, setting):
    with pytest.raises(UsageError, match=f"^{setting} leaves . classes"):
        images.split(numbered([0, 1] * 10), jax.random.key(0), fraction, limit)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match=r"'cifar11'.*digits, cifar10, cifar100"):
        images.load("cifar11", tmp_path)
