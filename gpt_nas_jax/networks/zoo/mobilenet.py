"""MobileNetV2 (arXiv 1801.04381)."""

import flax.linen as nn
import jax

from gpt_nas_jax.networks.blocks import ConvNormActivation
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.operations import Shortcut

# Expansion, channels, repeats, stride of the first block (table 2 there).
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedBottleneck(nn.Module):
    """The inverted bottleneck with depthwise convolution and ReLU6.

    Without a 1x1 convolution in front where ``expansion`` is 1.
    """

    features: int
    expansion: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        channels = x.shape[-1]
        inner = channels * self.expansion
        y = x
        if self.expansion > 1:
            y = ConvNormActivation(inner, 1, activation="relu6")(y, train)
        shape = (inner, 3, self.stride, inner)
        y = ConvNormActivation(*shape, activation="relu6")(y, train)
        y = ConvNormActivation(self.features, 1, activation=None)(y, train)
        if self.stride == 1 and channels == self.features:
            y = Shortcut()(x, y)
        return y


def mobilenet_v2(num_classes: int) -> Chain:
    """Builds MobileNetV2 of width 1."""
    blocks: list[nn.Module] = [ConvNormActivation(32, 3, 2, activation="relu6")]
    for expansion, features, repeats, stride in _STAGES:
        for index in range(repeats):
            first = stride if index == 0 else 1
            blocks.append(InvertedBottleneck(features, expansion, first))
    blocks.append(ConvNormActivation(1280, 1, activation="relu6"))
    return Chain((*blocks, Head(num_classes, dropout=0.2)))
