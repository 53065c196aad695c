"""The confusion matrix of a network."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.training.batches import TrainingData
from gpt_nas_jax.training.placement import Placement


def confusion(
    infer: Callable[[jax.Array], jax.Array],
    data: TrainingData,
    batch: int,
    num_classes: int,
) -> np.ndarray | None:
    """``int64[K, K]``: how many images of the row's class get the column's prediction.

    None where any logit is not a finite number.

    Args:
      infer: images ``[B, H, W, C]`` to logits ``[B, K]``.
      data: the images.
      batch: how many at a time.
      num_classes: K.
    """
    total = np.zeros((num_classes, num_classes))
    for x, labels in data.plain(batch):
        # Read at once: with a thousand classes each batch takes 4 MB.
        total += np.asarray(_counted(data.placement, num_classes, infer(x), labels))
    return total.astype(np.int64) if np.isfinite(total).all() else None


def accuracy(confusion: np.ndarray) -> float:
    """Accuracy in [0, 1]."""
    return float(np.trace(confusion) / confusion.sum())


def balanced_accuracy(confusion: np.ndarray) -> float:
    """Mean of the accuracies of the classes that occur."""
    images = confusion.sum(1)
    there = images > 0
    return float(np.mean(np.diag(confusion)[there] / images[there]))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _counted(
    placement: Placement, num_classes: int, logits: jax.Array, labels: jax.Array
) -> jax.Array:
    """``float32[K, K]`` of one batch; images of the label -1 do not count."""
    truth = jax.nn.one_hot(labels, num_classes)
    answers = jax.nn.one_hot(jnp.argmax(logits, -1), num_classes)
    counts = jnp.where(jnp.isfinite(logits).all(), truth.T @ answers, jnp.nan)
    return placement.replicated(counts)
