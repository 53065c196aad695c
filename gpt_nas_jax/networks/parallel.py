"""Merges several convolutions of the same images into one on a TPU.

Separately, each of them reads the images, and takes XLA for TPUs a second to compile.
Merged, an Inception's backward program on 512x32x32x128 compiles in 12 instead of 15 s
and moves 3.6 instead of 4.5 GB (`launch/check_accelerators.py`, libtpu 0.0.42, one core
of a CPU, 25 November 2026).

For 1,024 channels or more, three are not merged: an Inception's backward program on
14x14x1024 would compile in 24 instead of 11 s. Two are, followed by a barrier, without
which the same program at stride 2 compiles in 16 instead of 14 s (two cores, 28
November 2026).
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.networks.convolution import Convolution, conv_general_dilated
from gpt_nas_jax.networks.platform import target

_MANY_CHANNELS = 1024
_MERGED_OF_MANY = 2


def side_by_side(
    module: nn.Module, names: Sequence[str], x: jax.Array
) -> list[Convolution]:
    """Computes the 1x1 convolutions of several layers at once.

    Args:
      module: the module, within its call.
      names: of its layers with such a convolution, without bias and with stride 1.
      x: input of all these layers, ``[B, H, W, C]``.

    Returns:
      For each name, a function that returns the output of that layer's convolution.
    """
    are_many = x.shape[-1] >= _MANY_CHANNELS
    too_many = are_many and len(names) > _MERGED_OF_MANY
    if target() != "tpu" or module.is_initializing() or too_many:
        return [conv_general_dilated] * len(names)
    params = module.variables["params"]
    kernels = [params[name]["Conv_0"]["kernel"] for name in names]
    y = conv_general_dilated(
        x,
        jnp.concatenate(kernels, axis=-1),
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    if are_many:
        y = jax.lax.optimization_barrier(y)
    ends = np.cumsum([kernel.shape[-1] for kernel in kernels])[:-1]

    def share(part: jax.Array) -> Convolution:
        def convolution(*_: Any, **__: Any) -> jax.Array:
            return part

        return convolution

    return list(map(share, jnp.split(y, ends, axis=-1)))
