"""The networks of NAS-Bench-201 (arXiv 2001.00326) as Flax modules."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES, OPERATIONS
from gpt_nas_jax.networks.blocks import AvgPool, BatchNorm, ReLU
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.normalization import batch_norm
from gpt_nas_jax.networks.operations import Activation, Add, Pool, Shortcut, conv
from gpt_nas_jax.networks.units import conv_norm

IMAGE: Size = (32, 32, 3)
STACKS, CELLS = 3, 5
DEPTH = 1 + STACKS * CELLS + STACKS - 1 + 3
"""Blocks of a network: stem, cells, reductions, BatchNorm, ReLU and classifier."""
NONE, SKIP = OPERATIONS.index("none"), OPERATIONS.index("skip_connect")
_WIDTH = 16
_KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
_OUTPUT = EDGES[-1][1]


class ReluConvNorm(nn.Module):
    """ReLU, convolution and BatchNorm; ``features=None`` keeps the channels."""

    kernel: int
    features: int | None = None
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = Activation("relu")(x)
        features = self.features or x.shape[-1]
        x = conv(features, self.kernel, self.stride)(x)
        return batch_norm(train)(x)


class CellModule(nn.Module):
    """One cell: four nodes, each the sum of operations on all earlier nodes.

    An edge with `NONE` adds nothing. A node to which nothing is added is zero;
    operations on it still have their parameters.

    Attributes:
      operations: of `EDGES` in order, indices into `nasbench201.OPERATIONS`.
    """

    operations: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        nothing = jnp.zeros_like(x)
        nodes = {0: x}
        for (source, target), operation in zip(EDGES, self.operations, strict=True):
            if operation == NONE:
                continue
            value = nodes.get(source, nothing)
            if operation != SKIP:
                value = edge(operation)(value, train)
            if target in nodes:
                value = Add()(nodes[target], value)
            nodes[target] = value
        return nodes.get(_OUTPUT, nothing)


class Reduction(nn.Module):
    """The residual block between two stacks; halves height and width, both even."""

    features: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        y = ReluConvNorm(3, self.features, stride=2)(x, train)
        y = ReluConvNorm(3, self.features)(y, train)
        shortcut = conv(self.features, 1)(Pool("avg", 2, 2)(x))
        return Shortcut()(shortcut, y)


def network(operations: tuple[int, ...], num_classes: int = 10) -> Chain:
    """Builds three stacks of five identical cells with 16, 32 and 64 channels.

    Args:
      operations: of the cell, see `CellModule`.
      num_classes: number of outputs.
    """
    blocks: list[nn.Module] = [conv_norm(_WIDTH, 3)]
    for stack in range(STACKS):
        if stack:
            blocks.append(Reduction(_WIDTH * 2**stack))
        blocks += [CellModule(operations) for _ in range(CELLS)]
    return Chain((*blocks, BatchNorm(), ReLU(), Head(num_classes)))


def edge(operation: int) -> nn.Module:
    """The block of an operation other than `NONE` and `SKIP`."""
    name = OPERATIONS[operation]
    return AvgPool() if name == "avg_pool_3x3" else ReluConvNorm(_KERNELS[name])
