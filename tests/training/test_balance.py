"""Classes of unequal size are given equal weight."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from gpt_nas_jax.config import Recipe, RetrainRecipe
from gpt_nas_jax.datasets.images import Images
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.training import balance, whole
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training.batches import to_device
from gpt_nas_jax.training.recipe import optimizer, update_of
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.training.targets import Targets

KEY = jax.random.key(5)
SIZES = {0: 30, 1: 6, 3: 12}
"""Class 2 has no image."""
LABELS = np.random.default_rng(0).permutation(
    np.repeat(list(SIZES), list(SIZES.values()))
)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_weights_are_those_of_scikit_learn(labels: list[int]) -> None:
    weights = balance.class_weights(np.array(labels))
    present = np.unique(labels)
    due = compute_class_weight("balanced", classes=present, y=labels)
    np.testing.assert_allclose(weights[present], due, rtol=1e-6)
    assert weights[labels].mean() == pytest.approx(1, rel=1e-6)


@functools.cache
def order(batch: int, seed: int = 0) -> np.ndarray:
    images = Images(np.zeros((len(LABELS), 1, 1, 1), np.uint8), LABELS)
    balanced = balance.balance_of("sampling", images)
    return np.asarray(balanced.order(jax.random.key(seed), LABELS, batch))


# Sizes below the number of classes, divisible by it, and not divisible by it.
@settings(deadline=None, max_examples=20)
@given(st.sampled_from([2, 9, 16, 48]), st.integers(0, 50))
def test_batches_hold_classes_in_equal_numbers(batch: int, seed: int) -> None:
    batches = order(batch, seed)
    assert batches.shape == (len(LABELS) // batch, batch)

    def numbers(indices: np.ndarray) -> np.ndarray:
        return np.array([(LABELS[indices] == name).sum() for name in SIZES])

    assert np.ptp(numbers(batches.ravel())) <= 1
    assert max(np.ptp(numbers(one)) for one in batches) <= (0 if batch % 3 == 0 else 2)
    # No image of a class is repeated before all of them have been drawn.
    for name in SIZES:
        times = np.bincount(batches.ravel(), minlength=len(LABELS))[name == LABELS]
        assert np.ptp(times) <= 1


def test_epochs_differ_and_are_reproducible() -> None:
    order.cache_clear()
    first = order(16)
    order.cache_clear()
    np.testing.assert_array_equal(order(16), first)
    assert not np.array_equal(order(16, 1), first)


def test_the_order_of_images_that_are_not_balanced_is_as_it_was() -> None:
    images = Images(np.zeros((len(LABELS), 1, 1, 1), np.uint8), LABELS)
    plain = balance.balance_of("none", images).order(KEY, LABELS, 16)
    assert sorted(np.ravel(plain)) == list(range(len(LABELS)))


def placed(kind: str) -> by_block.TrainingData:
    """Noise images on the device."""
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (len(LABELS), 8, 8, 1), np.uint8)
    images = Images(pixels, LABELS.astype(np.int32))
    return to_device(images, *images.moments(), False, balance=kind)


@pytest.mark.parametrize("kind", ["loss", "sampling"])
def test_both_trainers_learn_from_balanced_batches(kind: str) -> None:
    """Block programs and the whole network get equal batches and equal losses."""
    chain, data = Chain((Head(4),)), placed(kind)
    recipe = RetrainRecipe(
        epochs=2, batch=16, learning_rate=0.1, warmup_epochs=0, pad=1
    )
    plain = Recipe(
        **{
            field.name: getattr(recipe, field.name)
            for field in dataclasses.fields(Recipe)
        }
    )
    update, moved = update_of(recipe, 3), optimizer(plain, 3)
    network = whole.start(chain, recipe, 3, (8, 8, 1), KEY)
    states = by_block.start(chain, (Rule.ALL,), moved, (8, 8, 1), KEY)
    seen = []
    for ours, theirs in zip(
        data.batches(recipe, KEY), data.batches(plain, KEY), strict=True
    ):
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
        network, loss = whole.step(chain, update, network, *ours)
        states, other = by_block.step(moved, states, *theirs)
        assert float(loss) == pytest.approx(float(other), rel=1e-5)
        labels = ours[1]
        if kind == "loss":
            assert isinstance(labels, Targets)
            due = balance.class_weights(LABELS)[labels.labels]
            np.testing.assert_array_equal(labels.weights, due)
            labels = labels.labels[:, 0]
        seen += np.asarray(labels).tolist()
    numbers = np.bincount(seen)
    if kind == "sampling":
        assert np.ptp(numbers[list(SIZES)]) <= 2
    else:
        assert numbers[list(SIZES)].tolist() == [60, 12, 24]
