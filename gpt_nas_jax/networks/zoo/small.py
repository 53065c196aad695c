"""Adapts networks for 224x224 pixels to small images.

All but ResNet-20 halve the resolution five times, which leaves one pixel of a 32x32
image. Networks for CIFAR usually halve it three times, down to a 4x4 feature map (arXiv
1512.03385 and 1605.07146 begin with a 3x3 of stride 1 and no pooling), so the first two
reductions are removed:

- ResNet, ResNeXt, Wide-ResNet: the stem's stride and its max pooling; 7x7 becomes 3x3;
- GoogLeNet: the same, at the first of its poolings;
- ShuffleNetV2: the stem's stride and its max pooling;
- MobileNetV2: the stem's stride, and the one of the stage with 24 channels;
- RegNet: the strides of the stem and of the first stage;
- EfficientNet: the strides of the stem and of the second stage, with 24 channels in B0.

Widths stay. So do the parameters, except for the smaller kernel, and in RegNetX-400MF
the projection of a shortcut that no longer changes the shape.
"""

from gpt_nas_jax.networks.blocks import MaxPool
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size

LARGEST_SIDE = 64
"""In pixels; for larger images, networks are not adapted (ours)."""

_TAKEN_OUT = 2


def is_small(image: Size) -> bool:
    """Whether networks are adapted to images of this size."""
    return max(image[:2]) <= LARGEST_SIDE


def adapted(chain: Chain) -> Chain:
    """Adapts a network of the zoo to small images."""
    blocks, left = [], _TAKEN_OUT
    for block in chain.blocks:
        if left and getattr(block, "stride", 1) > 1:
            left -= 1
            if isinstance(block, MaxPool):
                continue
            wide = getattr(block, "kernel", 3) == 7
            block = block.clone(stride=1, **({"kernel": 3} if wide else {}))
        blocks.append(block)
    return Chain(tuple(blocks))
