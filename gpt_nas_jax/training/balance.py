"""Balances classes of unequal size: ``--data_balance``."""

import functools

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.datasets.augment import epoch_batches
from gpt_nas_jax.datasets.images import ImageSet
from gpt_nas_jax.types import Key


@flax.struct.dataclass
class Balance:
    """How the classes of some training images are treated.

    Attributes:
      weights: ``float32[K]`` of each class in the loss; None where all count 1.
      classes: ``int32[C]``, those that batches hold in equal numbers; None where an
        epoch holds each image once.
    """

    weights: np.ndarray | jax.Array | None = None
    classes: np.ndarray | jax.Array | None = None

    def order(self, key: Key, labels: np.ndarray | jax.Array, batch: int) -> jax.Array:
        """``int32[N // batch, batch]``: the images of an epoch's batches.

        Args:
          key: of the epoch.
          labels: ``int32[N]`` of all images.
          batch: how many at a time.

        Raises:
          UsageError: there are not enough images for one batch.
        """
        if self.classes is None:
            return epoch_batches(key, len(labels), batch)
        return balanced_batches(key, labels, self.classes, batch)


def balance_of(kind: str, images: ImageSet) -> Balance:
    """The balance that a value of ``--data_balance`` stands for.

    Args:
      kind: ``none``, ``loss`` or ``sampling``.
      images: what is trained on.
    """
    match kind:
        case "none":
            return Balance()
        case "loss":
            return Balance(weights=class_weights(images.labels))
        case "sampling":
            return Balance(classes=np.unique(images.labels).astype(np.int32))
        case _:
            raise ValueError(f"unknown balance {kind!r}")


def class_weights(labels: np.ndarray) -> np.ndarray:
    """The weight of each class, inverse to its number of images, ``float32[K]``.

    The mean weight of the images is 1, as with scikit-learn's
    ``class_weight="balanced"`` (King and Zeng, Political Analysis 9, 2001). A class
    without images has weight 0.
    """
    counts = np.bincount(labels)
    shares = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts, shares, 0).astype(np.float32)


@functools.partial(jax.jit, static_argnames="batch")
def balanced_batches(
    key: Key, labels: jax.Array, classes: jax.Array, batch: int
) -> jax.Array:
    """Batches of an epoch that hold all classes in equal numbers.

    Classes are drawn in rounds, each class once per round and in random order. So the
    counts of two classes differ by at most 1 in an epoch and 2 in a batch. The images
    of a class are drawn in random order, starting over after the last one.

    Args:
      key: of the epoch.
      labels: ``int32[N]`` of all images.
      classes: ``int32[C]``, each of them with images. Only its length is static.
      batch: images at a time, at most N.

    Returns:
      ``int32[N // batch, batch]``, as many batches as in an unbalanced epoch.
    """
    image_key, class_key = jax.random.split(key)
    steps = len(labels) // batch
    shuffled = jax.random.permutation(image_key, len(labels))
    grouped = shuffled[jnp.argsort(labels[shuffled], stable=True)]
    begins, ends = (
        jnp.searchsorted(labels[grouped], classes, side=side)
        for side in ("left", "right")
    )
    rounds = -(-steps * batch // len(classes))
    order = jnp.broadcast_to(jnp.arange(len(classes)), (rounds, len(classes)))
    order = jax.random.permutation(class_key, order, axis=1, independent=True)
    turns = jnp.arange(rounds)[:, None]
    chosen = grouped[begins[order] + turns % (ends - begins)[order]]
    return chosen.ravel()[: steps * batch].reshape(steps, batch)
