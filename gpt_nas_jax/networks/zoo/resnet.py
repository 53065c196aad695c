"""ResNet, ResNeXt and Wide-ResNet (arXiv 1512.03385, 1611.05431, 1605.07146)."""

import dataclasses

import flax.linen as nn

from gpt_nas_jax.networks.blocks import (
    BasicBlock,
    BatchNorm,
    Bottleneck,
    Conv,
    MaxPool,
    ReLU,
)
from gpt_nas_jax.networks.chain import Chain, Head


@dataclasses.dataclass(frozen=True)
class _Design:
    """Blocks per stage, and the 3x3 of a bottleneck (``base`` 0: basic blocks).

    ``base`` is the number of channels per group of the 3x3 in the first stage.
    """

    stages: tuple[int, int, int, int]
    base: int = 64
    groups: int = 1


RESNETS = {
    "ResNet-18": _Design((2, 2, 2, 2), base=0),
    "ResNet-34": _Design((3, 4, 6, 3), base=0),
    "ResNet-50": _Design((3, 4, 6, 3)),
    "ResNet-101": _Design((3, 4, 23, 3)),
    "ResNet-152": _Design((3, 8, 36, 3)),
    "ResNeXt-50-32x4d": _Design((3, 4, 6, 3), base=4, groups=32),
    "ResNeXt-101-32x8d": _Design((3, 4, 23, 3), base=8, groups=32),
    "Wide-ResNet-50-2": _Design((3, 4, 6, 3), base=128),
    "Wide-ResNet-101-2": _Design((3, 4, 23, 3), base=128),
}


def resnet(name: str, num_classes: int) -> Chain:
    """Builds one of `RESNETS`."""
    design = RESNETS[name]
    blocks: list[nn.Module] = [
        Conv(64, kernel=7, stride=2, bias=False),
        BatchNorm(),
        ReLU(),
        MaxPool(stride=2),
    ]
    for stage, count in enumerate(design.stages):
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            width = 2**stage
            if design.base == 0:
                block = BasicBlock(64 * width, stride)
            else:
                inner = design.base * design.groups * width
                block = Bottleneck(256 * width, inner, design.groups, stride)
            blocks.append(block)
    return Chain((*blocks, Head(num_classes)))


def resnet20(num_classes: int) -> Chain:
    """Builds CIFAR's ResNet with 20 layers (section 4.2 of arXiv 1512.03385).

    Two shortcuts that change the shape are projected here, with 2,752 parameters.
    """
    blocks: list[nn.Module] = [Conv(16, bias=False), BatchNorm(), ReLU()]
    for stage in range(3):
        for index in range(3):
            stride = 2 if stage > 0 and index == 0 else 1
            blocks.append(BasicBlock(16 * 2**stage, stride))
    return Chain((*blocks, Head(num_classes)))
