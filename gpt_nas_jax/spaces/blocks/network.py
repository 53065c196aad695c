"""Builds networks from block names: where width and resolution change.

The paper does not specify this; these rules are ours. A chain is split into stages of
nearly equal length. The first block of a stage changes the shape: in the first stage to
the base width, in every later one to twice the width at half the resolution. A block
that cannot change the shape is preceded by a 1x1 projection there.
"""

import dataclasses
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax

from gpt_nas_jax.networks import blocks
from gpt_nas_jax.networks.chain import Chain, Head

_GROUP_WIDTH = 8
_CARDINAL_WIDTH = 4


def _inception(features: int, stride: int) -> nn.Module:
    # The proportions of GoogLeNet's first Inception: 64, 128, 32 and 32 of 256.
    quarter, eighth, sixteenth = features // 4, features // 8, features // 16
    wide = features - quarter - 2 * eighth
    return blocks.Inception(
        quarter, wide - eighth, wide, sixteenth, eighth, eighth, stride
    )


def _grouped(features: int, stride: int) -> nn.Module:
    inner = features // 2
    return blocks.Bottleneck(features, inner, inner // _CARDINAL_WIDTH, stride)


@dataclasses.dataclass(frozen=True)
class Block:
    """A block that chains are made of.

    Attributes:
      name: its name in printed genomes.
      build: ``build(features, stride)`` returns the module, called as
        ``module(x, train)``.
      shapes: whether it can change width and resolution; if not, it follows a 1x1
        projection at the start of a stage.
    """

    name: str
    build: Callable[[int, int], nn.Module]
    shapes: bool = True


TABLE_II: tuple[Block, ...] = (
    Block("ConvNormActivation", lambda f, s: blocks.ConvNormActivation(f, stride=s)),
    Block(
        "SqueezeExcitation",
        lambda f, s: blocks.SqueezeExcitation(f // 4),
        shapes=False,
    ),
    Block("Inception", _inception),
    Block("AvgPool", lambda f, s: blocks.AvgPool(), shapes=False),
    Block(
        "ResBottleneckBlock", lambda f, s: blocks.ResBottleneckBlock(f, s, _GROUP_WIDTH)
    ),
    Block("Stem", blocks.Stem),
    Block("Bottleneck", lambda f, s: blocks.Bottleneck(f, f // 4, stride=s)),
    Block("BasicBlock", blocks.BasicBlock),
    Block("BottleneckGrouped", _grouped),
    Block("InvertedResidual", blocks.InvertedResidual),
    Block("BottleneckWide", lambda f, s: blocks.Bottleneck(f, f // 2, stride=s)),
    Block("MaxPool", lambda f, s: blocks.MaxPool(), shapes=False),
    Block("BatchNorm", lambda f, s: blocks.BatchNorm(), shapes=False),
    Block("ReLU", lambda f, s: blocks.ReLU(), shapes=False),
    Block("Conv", lambda f, s: blocks.Conv(f, stride=s)),
)
"""The 15 blocks of Table II in order; a gene is an index into this tuple."""

BLOCK_NAMES: tuple[str, ...] = tuple(block.name for block in TABLE_II)

WIDTH_MULTIPLE = 16
"""Widths must be multiples of this, so that every block divides its channels."""


class Projected(nn.Module):
    """A shape-preserving block after a 1x1 convolution that changes the shape."""

    features: int
    stride: int
    block: nn.Module

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = blocks.conv_norm(self.features, 1, self.stride)(x, train)
        return self.block(x, train)


def module_of(block: Block, features: int, stride: int, first: bool) -> nn.Module:
    """Builds the module of a block in a candidate.

    Args:
      block: of the space.
      features: output channels.
      stride: 2 if it halves the resolution.
      first: whether it is the first of its stage and so changes the shape.
    """
    module = block.build(features, stride)
    return Projected(features, stride, module) if first and not block.shapes else module


def stage_starts(depth: int, num_stages: int) -> tuple[int, ...]:
    """Positions at which the stages of a chain of ``depth`` blocks begin."""
    return tuple(-(-stage * depth // num_stages) for stage in range(num_stages))


def chain_of(
    chosen: Sequence[Block], width: int, num_stages: int, num_classes: int
) -> Chain:
    """Builds the network of a chain of blocks, followed by the classifier.

    Args:
      chosen: at least ``num_stages`` blocks.
      width: channels of the first stage, a multiple of `WIDTH_MULTIPLE`.
      num_stages: number of stages, each with its own width and resolution.
      num_classes: number of outputs.
    """
    starts = stage_starts(len(chosen), num_stages)
    modules, stage = [], -1
    for position, block in enumerate(chosen):
        first = position in starts
        stage += first
        stride = 2 if first and stage > 0 else 1
        modules.append(module_of(block, width * 2**stage, stride, first))
    return Chain((*modules, Head(num_classes)))


def candidate(
    names: Sequence[str], width: int, num_stages: int, num_classes: int
) -> Chain:
    """`chain_of` for blocks of Table II, given by name."""
    return chain_of(named(names), width, num_stages, num_classes)


def candidate_block(name: str, features: int, stride: int, first: bool) -> nn.Module:
    """`module_of` for a block of Table II, given by name."""
    return module_of(*named((name,)), features, stride, first)


def named(names: Sequence[str]) -> tuple[Block, ...]:
    """The blocks of Table II with these names."""
    return tuple(TABLE_II[BLOCK_NAMES.index(name)] for name in names)
