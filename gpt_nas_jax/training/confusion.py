"""How often a network is right, class by class, and what it takes for what."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.training.batches import TrainingData
from gpt_nas_jax.training.placement import Placement


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
    """The images of a data set, counted by their class.

    Attributes:
      right: ``int64[K]``, those that are classified correctly.
      images: ``int64[K]``, all of them.
      confusion: ``int64[K, K]``, how many of the row's class get the column's
        prediction; None where it was not asked for.
    """

    right: np.ndarray
    images: np.ndarray
    confusion: np.ndarray | None

    def accuracy(self) -> float:
        """Accuracy in [0, 1]."""
        return float(self.right.sum() / self.images.sum())

    def balanced_accuracy(self) -> float:
        """Mean of the accuracies of the classes that occur."""
        there = self.images > 0
        return float(np.mean(self.right[there] / self.images[there]))


def count(
    infer: Callable[[jax.Array], jax.Array],
    data: TrainingData,
    batch: int,
    num_classes: int,
    confusion: bool = False,
) -> Counts | None:
    """Counts the predictions for all images.

    None where any logit is not a finite number.

    Args:
      infer: images ``[B, H, W, C]`` to logits ``[B, K]``.
      data: the images.
      batch: how many at a time.
      num_classes: K.
      confusion: whether to fill the matrix, which takes memory that grows with the
        square of K.
    """
    right, images = np.zeros((2, num_classes), np.int64)
    matrix = np.zeros((num_classes, num_classes), np.int64) if confusion else None
    for x, labels in data.plain(batch):
        answered = jax.device_get(_answers(data.placement, infer(x), labels))
        predicted, truth, finite = answered
        if not finite:
            return None
        there = truth >= 0
        predicted, truth = predicted[there], truth[there]
        np.add.at(images, truth, 1)
        np.add.at(right, truth[predicted == truth], 1)
        if matrix is not None:
            np.add.at(matrix, (truth, predicted), 1)
    return Counts(right, images, matrix)


@functools.partial(jax.jit, static_argnums=0)
def _answers(
    placement: Placement, logits: jax.Array, labels: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """``int32[B]`` predictions, the labels, and whether all logits are finite."""
    finite = jnp.isfinite(logits).all()
    return placement.replicated((jnp.argmax(logits, -1), labels, finite))
