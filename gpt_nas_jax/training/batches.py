"""Images on the device and the jitted program that makes a batch of them."""

import functools
from collections.abc import Iterator

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.data.augment import augment, epoch_batches, normalise
from gpt_nas_jax.data.images import Images
from gpt_nas_jax.training.placement import SINGLE, Placement
from gpt_nas_jax.types import Key


@flax.struct.dataclass
class DeviceImages:
    """Images kept on the device as bytes, and what normalises them.

    Attributes:
      images: ``uint8[N, H, W, C]``.
      labels: ``int32[N]``.
      mean: ``float32[C]`` of pixels in [0, 1].
      std: ``float32[C]``, likewise.
      flip: whether a mirrored image keeps its label.
      placement: where its batches lie, and their type.
    """

    images: jax.Array
    labels: jax.Array
    mean: jax.Array
    std: jax.Array
    flip: bool = flax.struct.field(pytree_node=False)
    placement: Placement = flax.struct.field(pytree_node=False)

    def __len__(self) -> int:
        return len(self.labels)


def to_device(
    images: Images,
    mean: np.ndarray,
    std: np.ndarray,
    flip: bool,
    placement: Placement = SINGLE,
) -> DeviceImages:
    """Copies images to the devices."""
    parts = map(jnp.asarray, (images.images, images.labels, mean, std))
    return DeviceImages(*placement.everywhere(tuple(parts)), flip, placement)


@functools.partial(jax.jit, static_argnums=0)
def training_batch(
    recipe: Recipe, data: DeviceImages, key: Key, order: jax.Array, step: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Batch ``step`` of an epoch, augmented.

    Args:
      recipe: says how images are augmented.
      data: all images.
      key: of the epoch; every step folds its number in.
      order: ``int32[steps, B]`` indices of the epoch's batches.
      step: which of them.

    Returns:
      ``[B, H, W, C]`` and ``int32[B]``.
    """
    chosen = order[step]
    x = normalise(data.images[chosen], data.mean, data.std)
    key = jax.random.fold_in(key, step)
    x = augment(key, x, pad=recipe.pad, flip=data.flip, cutout_size=recipe.cutout)
    x = x.astype(data.placement.dtype)
    return data.placement.shared_out((x, data.labels[chosen]))


def epoch(
    recipe: Recipe, data: DeviceImages, key: Key, number: int
) -> Iterator[tuple[jax.Array, jax.Array]]:
    """The batches of one epoch of a training with this key, shuffled and augmented."""
    order_key, batch_key = jax.random.split(jax.random.fold_in(key, number))
    order = epoch_batches(order_key, len(data), recipe.batch)
    for step in range(len(order)):
        yield training_batch(recipe, data, batch_key, order, step)


@functools.partial(jax.jit, static_argnums=0)
def plain_batch(
    size: int, data: DeviceImages, start: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """``size`` images from ``start``; behind the last one labels are -1."""
    rows = start + jnp.arange(size)
    chosen = jnp.minimum(rows, len(data) - 1)
    x = normalise(data.images[chosen], data.mean, data.std)
    labels = jnp.where(rows < len(data), data.labels[chosen], -1)
    return data.placement.shared_out((x.astype(data.placement.dtype), labels))
