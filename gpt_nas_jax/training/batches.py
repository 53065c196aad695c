"""Batches of images to train and measure networks on, wherever the images lie."""

import functools
from collections.abc import Iterator
from typing import Protocol

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.datasets.augment import normalise
from gpt_nas_jax.datasets.images import Images
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.training.augmented import augmented
from gpt_nas_jax.training.balance import Balance, balance_of
from gpt_nas_jax.training.placement import SINGLE, Placement
from gpt_nas_jax.training.targets import Labels
from gpt_nas_jax.types import Key

Batch = tuple[jax.Array, Labels]
"""Normalised images ``[B, H, W, C]`` and their labels."""


class TrainingData(Protocol):
    """Images that networks are trained or measured on."""

    @property
    def in_size(self) -> Size:
        """Height, width and channels."""

    @property
    def placement(self) -> Placement:
        """Where batches lie, and their type."""

    def __len__(self) -> int:
        """How many images there are."""

    def batches(self, recipe: Recipe, key: Key, first_step: int = 0) -> Iterator[Batch]:
        """The batches of a whole training, shuffled and augmented epoch by epoch.

        They depend on the arguments alone; each epoch drops its incomplete last batch.

        Args:
          recipe: says how many epochs there are and how images are augmented.
          key: of the training.
          first_step: batches before it are skipped, the others are the same.
        """

    def plain(self, size: int) -> Iterator[Batch]:
        """All images in order, ``size`` at a time, padded with labels of -1."""


@flax.struct.dataclass
class DeviceImages:
    """Images kept on the device as bytes, and what normalises them.

    Attributes:
      images: ``uint8[N, H, W, C]``.
      labels: ``int32[N]``.
      mean: ``float32[C]`` of pixels in [0, 1].
      std: ``float32[C]``, likewise.
      balance: how classes of unequal size are treated.
      flip: whether a mirrored image keeps its label.
      placement: where its batches lie, and their type.
    """

    images: jax.Array
    labels: jax.Array
    mean: jax.Array
    std: jax.Array
    balance: Balance
    flip: bool = flax.struct.field(pytree_node=False)
    placement: Placement = flax.struct.field(pytree_node=False)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def in_size(self) -> Size:
        """See `TrainingData`."""
        return self.images.shape[1:]

    def batches(self, recipe: Recipe, key: Key, first_step: int = 0) -> Iterator[Batch]:
        """See `TrainingData`."""
        begun, first = divmod(first_step, len(self) // recipe.batch)
        for number in range(begun, recipe.epochs):
            order_key, batch_key = epoch_keys(key, number)
            order = self.balance.order(order_key, self.labels, recipe.batch)
            for step in range(first, len(order)):
                yield training_batch(recipe, self, batch_key, order, step)
            first = 0

    def plain(self, size: int) -> Iterator[Batch]:
        """See `TrainingData`."""
        for begin in range(0, len(self), size):
            yield plain_batch(size, self, begin)


def epoch_keys(key: Key, number: int) -> tuple[Key, Key]:
    """The keys of an epoch's order and of its augmentation."""
    order_key, batch_key = jax.random.split(jax.random.fold_in(key, number))
    return order_key, batch_key


def to_device(
    images: Images,
    mean: np.ndarray,
    std: np.ndarray,
    flip: bool,
    placement: Placement = SINGLE,
    balance: str = "none",
) -> DeviceImages:
    """Copies images to the devices; ``balance`` is a value of ``--data_balance``."""
    balanced = balance_of(balance, images)
    parts = jax.device_put((images.images, images.labels, mean, std, balanced))
    return DeviceImages(*placement.everywhere(parts), flip, placement)


@functools.partial(jax.jit, static_argnums=0)
def training_batch(
    recipe: Recipe, data: DeviceImages, key: Key, order: jax.Array, step: jax.Array
) -> Batch:
    """Batch ``step`` of an epoch, augmented.

    Args:
      recipe: says how images are augmented.
      data: all images.
      key: of the epoch; every step folds its number in.
      order: ``int32[steps, B]`` indices of the epoch's batches.
      step: which of them.

    Returns:
      ``[B, H, W, C]`` and the labels.
    """
    return augmented_batch(recipe, _taken(data, order[step]), key, step)


@functools.partial(jax.jit, static_argnums=0)
def augmented_batch(
    recipe: Recipe, data: DeviceImages, key: Key, step: jax.Array | int
) -> Batch:
    """All of ``data``, augmented as batch ``step`` of an epoch."""
    x, labels = augmented(
        recipe,
        jax.random.fold_in(key, step),
        data.images,
        data.labels,
        data.mean,
        data.std,
        data.balance.weights,
        recipe.pad,
        data.flip,
    )
    return data.placement.sharded((x.astype(data.placement.dtype), labels))


@functools.partial(jax.jit, static_argnums=0)
def plain_batch(size: int, data: DeviceImages, start: jax.Array) -> Batch:
    """``size`` images from ``start``, padded with labels of -1."""
    rows = start + jnp.arange(size)
    taken = _taken(data, jnp.minimum(rows, len(data) - 1))
    labels = jnp.where(rows < len(data), taken.labels, -1)
    return normalised_batch(taken.replace(labels=labels))


@jax.jit
def normalised_batch(data: DeviceImages) -> Batch:
    """All of ``data``, normalised."""
    x = normalise(data.images, data.mean, data.std)
    return data.placement.sharded((x.astype(data.placement.dtype), data.labels))


def _taken(data: DeviceImages, rows: jax.Array) -> DeviceImages:
    return data.replace(images=data.images[rows], labels=data.labels[rows])
