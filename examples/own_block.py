"""A custom block in addition to the paper's 15.

    PYTHONPATH=examples python -m gpt_nas_jax.main --flagfile=launch/digits.flags \
        --workdir=runs/own_block --space_blocks=own_block:GhostBlock,own_block:Gate

A Linen module with the fields ``features`` and ``stride`` outputs that many channels at
that fraction of the resolution. A module without both keeps the shape of its input. The
prior learns the layers of the blocks, so that it can propose them.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp


class GhostBlock(nn.Module):
    """Computes half of the channels by a convolution, the rest cheaply from these.

    Source: GhostNet, arXiv 1911.11907.
    """

    features: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        half = self.features // 2
        x = nn.Conv(half, (3, 3), self.stride, use_bias=False)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        rest = self.features - half
        cheap = nn.Conv(rest, (3, 3), feature_group_count=half, use_bias=False)(x)
        return jnp.concatenate([x, nn.relu(cheap)], -1)


class Gate(nn.Module):
    """Gates the channels of every pixel by a linear function of themselves."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return x * nn.sigmoid(nn.Dense(x.shape[-1])(x))
