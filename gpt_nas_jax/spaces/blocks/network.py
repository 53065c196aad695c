"""From the names of blocks to a network: where width and resolution change.

The paper does not say this; these rules are ours. A chain is cut into stages of
nearly equal length. The first block of a stage changes the shape: that of the first
stage to the width, that of every further stage to twice the width at half the
resolution. A block that cannot change the shape by itself gets a 1x1 projection in
front of it there.
"""

from collections.abc import Callable

import flax.linen as nn
import jax

from gpt_nas_jax.networks import blocks
from gpt_nas_jax.networks.chain import Chain, Head

_GROUP_WIDTH = 8
_CARDINAL_WIDTH = 4


def _inception(features: int, stride: int) -> nn.Module:
    # The shares of GoogLeNet's first Inception: 64, 128, 32 and 32 of 256.
    quarter, eighth, sixteenth = features // 4, features // 8, features // 16
    wide = features - quarter - 2 * eighth
    return blocks.Inception(
        quarter, wide - eighth, wide, sixteenth, eighth, eighth, stride
    )


def _grouped(features: int, stride: int) -> nn.Module:
    inner = features // 2
    return blocks.Bottleneck(features, inner, inner // _CARDINAL_WIDTH, stride)


_SHAPING: dict[str, Callable[[int, int], nn.Module]] = {
    "ConvNormActivation": lambda f, s: blocks.ConvNormActivation(f, stride=s),
    "Inception": _inception,
    "ResBottleneckBlock": lambda f, s: blocks.ResBottleneckBlock(f, s, _GROUP_WIDTH),
    "Stem": blocks.Stem,
    "Bottleneck": lambda f, s: blocks.Bottleneck(f, f // 4, stride=s),
    "BasicBlock": blocks.BasicBlock,
    "BottleneckGrouped": _grouped,
    "InvertedResidual": blocks.InvertedResidual,
    "BottleneckWide": lambda f, s: blocks.Bottleneck(f, f // 2, stride=s),
    "Conv": lambda f, s: blocks.Conv(f, stride=s),
}
_KEEPING: dict[str, Callable[[int], nn.Module]] = {
    "SqueezeExcitation": lambda f: blocks.SqueezeExcitation(f // 4),
    "AvgPool": lambda f: blocks.AvgPool(),
    "MaxPool": lambda f: blocks.MaxPool(),
    "BatchNorm": lambda f: blocks.BatchNorm(),
    "ReLU": lambda f: blocks.ReLU(),
}

BLOCK_NAMES: tuple[str, ...] = (
    "ConvNormActivation",
    "SqueezeExcitation",
    "Inception",
    "AvgPool",
    "ResBottleneckBlock",
    "Stem",
    "Bottleneck",
    "BasicBlock",
    "BottleneckGrouped",
    "InvertedResidual",
    "BottleneckWide",
    "MaxPool",
    "BatchNorm",
    "ReLU",
    "Conv",
)
"""The 15 blocks of Table II in its order; a gene is an index into this tuple."""

WIDTH_MULTIPLE = 16
"""Widths must be multiples of this, so that every block divides its channels."""


class Projected(nn.Module):
    """A block that keeps its input's shape, behind a 1x1 that changes it."""

    features: int
    stride: int
    block: nn.Module

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = blocks.conv_norm(self.features, 1, self.stride)(x, train)
        return self.block(x, train)


def candidate_block(name: str, features: int, stride: int, first: bool) -> nn.Module:
    """One block of a candidate.

    Args:
      name: one of `BLOCK_NAMES`.
      features: channels of its output.
      stride: 2 where it halves the resolution.
      first: whether it is the first of its stage and so changes the shape.
    """
    if name in _SHAPING:
        return _SHAPING[name](features, stride)
    block = _KEEPING[name](features)
    return Projected(features, stride, block) if first else block


def stage_starts(depth: int, num_stages: int) -> tuple[int, ...]:
    """Positions at which the stages of a chain of ``depth`` blocks begin."""
    return tuple(-(-stage * depth // num_stages) for stage in range(num_stages))


def candidate(
    names: tuple[str, ...], width: int, num_stages: int, num_classes: int
) -> Chain:
    """The network of a chain of blocks; the classifier stands behind them.

    Args:
      names: of `BLOCK_NAMES`, at least ``num_stages`` of them.
      width: channels of the first stage, a multiple of `WIDTH_MULTIPLE`.
      num_stages: how many widths and resolutions there are.
      num_classes: size of the output.
    """
    starts = stage_starts(len(names), num_stages)
    modules, stage = [], -1
    for position, name in enumerate(names):
        first = position in starts
        stage += first
        stride = 2 if first and stage > 0 else 1
        modules.append(candidate_block(name, width * 2**stage, stride, first))
    return Chain((*modules, Head(num_classes)))
