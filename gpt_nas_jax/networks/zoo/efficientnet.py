"""EfficientNet B0 to B7 (arXiv 1905.11946)."""

import dataclasses
import math

import flax.linen as nn
import jax

from gpt_nas_jax.networks.blocks import ConvNormActivation, SqueezeExcitation
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.operations import Shortcut
from gpt_nas_jax.networks.zoo.rounding import nearest_multiple

WIDTH_STEP = 8


@dataclasses.dataclass(frozen=True)
class _Scale:
    """Compound scaling of one model: width, depth, image side, dropout."""

    width: float
    depth: float
    image: int
    dropout: float


_SCALES = {
    "EfficientNet-B0": _Scale(1.0, 1.0, 224, 0.2),
    "EfficientNet-B1": _Scale(1.0, 1.1, 240, 0.2),
    "EfficientNet-B2": _Scale(1.1, 1.2, 260, 0.3),
    "EfficientNet-B3": _Scale(1.2, 1.4, 300, 0.3),
    "EfficientNet-B4": _Scale(1.4, 1.8, 380, 0.4),
    "EfficientNet-B5": _Scale(1.6, 2.2, 456, 0.4),
    "EfficientNet-B6": _Scale(1.8, 2.6, 528, 0.5),
    "EfficientNet-B7": _Scale(2.0, 3.1, 600, 0.5),
}
IMAGE_SIZES = {name: scale.image for name, scale in _SCALES.items()}

# Expansion, kernel, stride of the first block, channels, repeats (table 1 there).
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


class MBConv(nn.Module):
    """The inverted bottleneck with depthwise convolution and SqueezeExcitation."""

    features: int
    expansion: int
    kernel: int
    stride: int
    epsilon: float
    momentum: float

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        channels = x.shape[-1]
        inner = nearest_multiple(channels * self.expansion, WIDTH_STEP)

        def unit(features: int, kernel: int = 1, **options: object) -> nn.Module:
            return ConvNormActivation(
                features,
                kernel,
                epsilon=self.epsilon,
                momentum=self.momentum,
                **options,
            )

        y = x if inner == channels else unit(inner)(x, train)
        y = unit(inner, self.kernel, stride=self.stride, groups=inner)(y, train)
        y = SqueezeExcitation(max(1, channels // 4))(y, train)
        y = unit(self.features, activation=None)(y, train)
        if self.stride == 1 and channels == self.features:
            y = Shortcut()(x, y)
        return y


def efficientnet(name: str, num_classes: int) -> Chain:
    """Builds one of `IMAGE_SIZES`."""
    scale = _SCALES[name]
    # B5 to B7 were trained with other BatchNorm constants than B0 to B4.
    large = name >= "EfficientNet-B5"
    norm = {"epsilon": 1e-3 if large else 1e-5, "momentum": 0.99 if large else 0.9}
    stem = nearest_multiple(32 * scale.width, WIDTH_STEP)
    blocks: list[nn.Module] = [ConvNormActivation(stem, 3, 2, **norm)]
    features = stem
    for expansion, kernel, stride, channels, repeats in _STAGES:
        features = nearest_multiple(channels * scale.width, WIDTH_STEP)
        for index in range(math.ceil(repeats * scale.depth)):
            first = stride if index == 0 else 1
            blocks.append(MBConv(features, expansion, kernel, first, **norm))
    blocks.append(ConvNormActivation(4 * features, 1, **norm))
    return Chain((*blocks, Head(num_classes, scale.dropout)))
