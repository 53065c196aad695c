"""Confusion matrices and accuracies against scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from platforms_support import BATCH, images, lower

from gpt_nas_jax.datasets.images import Images
from gpt_nas_jax.training import confusion
from gpt_nas_jax.training.batches import to_device
from gpt_nas_jax.training.placement import SINGLE, Placement, mesh_of

MESH = Placement("float32", mesh_of(jax.devices()))
_ONE = np.ones(1, np.float32)


def numbered(labels: list[int]) -> Images:
    """Images of one pixel, whose value is the image's index."""
    pixels = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return Images(pixels, np.array(labels, np.int32))


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)
)
def test_counts_and_accuracies_are_those_of_scikit_learn(pairs: list[tuple[int, int]]):
    labels, answers = map(list, zip(*pairs, strict=True))
    data = to_device(numbered(labels), 0 * _ONE, _ONE, False, MESH)
    logits = jax.nn.one_hot(jnp.array(answers), 5)

    def infer(x: jax.Array) -> jax.Array:
        return logits[jnp.round(255 * x[:, 0, 0, 0]).astype(int)]

    found = confusion.count(infer, data, 8, 5, confusion=True)
    due = sklearn.metrics.confusion_matrix(labels, answers, labels=range(5))
    assert found.confusion.tolist() == due.tolist()
    right = sklearn.metrics.accuracy_score(labels, answers)
    assert found.accuracy() == pytest.approx(right)
    # Classes without images do not count.
    recall = sklearn.metrics.recall_score(
        labels, answers, labels=sorted(set(labels)), average="macro", zero_division=0
    )
    assert found.balanced_accuracy() == pytest.approx(recall)


def test_there_are_no_counts_if_a_logit_is_not_a_number():
    data = to_device(numbered([0, 1, 1]), 0 * _ONE, _ONE, False)

    def infer(x: jax.Array) -> jax.Array:
        return jnp.array([[0.0, 1.0], [1.0, jnp.nan]])[: len(x)]

    assert confusion.count(infer, data, 2, 2) is None


def test_a_hundred_thousand_classes_need_no_matrix():
    classes = 100_000
    labels = [0, 70_000, 70_000, 99_999]
    data = to_device(numbered(labels), 0 * _ONE, _ONE, False)
    logits = jax.nn.one_hot(jnp.array([0, 70_000, 5, 99_999]), classes)

    def infer(x: jax.Array) -> jax.Array:
        return logits[jnp.round(255 * x[:, 0, 0, 0]).astype(int)]

    # As int64 the matrix would take 80 GB.
    found = confusion.count(infer, data, 3, classes)
    assert (found.accuracy(), found.confusion) == (0.75, None)
    assert found.balanced_accuracy() == pytest.approx((1 + 0.5 + 1) / 3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_counting_lowers_for_every_platform(dtype: str):
    def answers(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, ...]:
        return confusion._answers.__wrapped__(SINGLE, logits, labels)

    shapes = images((5,), dtype), jax.ShapeDtypeStruct((BATCH,), jnp.int32)
    predicted, *_ = lower(answers, *shapes)
    assert (predicted.shape, predicted.dtype) == ((BATCH,), jnp.int32)
