"""Feature maps between two programs, in the order that the platform computes in.

A program's arguments and results lie in memory in the order of their axes. XLA for TPUs
convolves with the batch among the last two axes, so images ``[B, H, W, C]`` would be
written and read once more wherever they enter or leave a program. On a TPU they are
stored ``[H, W, B, C]``, or with the batch last where channels are few or in groups.
Other platforms compute in the order that images have.
"""

from collections.abc import Collection
from typing import TypeAlias

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.networks.convolution import LANES
from gpt_nas_jax.networks.platform import target


@flax.struct.dataclass
class Stored:
    """An array whose axes lie in another order.

    Attributes:
      array: the data, transposed so that its axis ``i`` is axis ``order[i]`` of the
        logical array.
      order: of the axes.
    """

    array: jax.Array
    order: tuple[int, ...] = flax.struct.field(pytree_node=False)


FeatureMaps: TypeAlias = jax.Array | Stored
"""Feature maps as programs exchange them."""


def store(x: jax.Array, grouped: Collection[int] = ()) -> FeatureMaps:
    """An array as it leaves a program.

    Args:
      x: feature maps ``[B, H, W, C]``; what has no four axes stays as it is.
      grouped: numbers of channels that are convolved in groups.
    """
    if target() != "tpu" or x.ndim != 4:
        return x
    channels = x.shape[-1]
    batch_last = channels < LANES or channels in grouped
    order = (1, 2, 3, 0) if batch_last else (1, 2, 0, 3)
    return Stored(jnp.transpose(x, order), order)


def load(x: FeatureMaps) -> jax.Array:
    """The array that was stored."""
    if not isinstance(x, Stored):
        return x
    back = sorted(range(len(x.order)), key=x.order.__getitem__)
    return jnp.transpose(x.array, back)
