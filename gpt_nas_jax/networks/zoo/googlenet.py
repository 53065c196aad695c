"""GoogLeNet with BatchNorm and without auxiliary heads (arXiv 1409.4842).

The last pooling drops the last row and column of an odd side, where torchvision's
rounds up. Images of 224x224 and 32x32 have an even side there.
"""

from gpt_nas_jax.networks.blocks import ConvNormActivation, Inception, MaxPool
from gpt_nas_jax.networks.chain import Chain, Head

# Padding on one side is equivalent to rounding the output size up.
_CEIL = (0, 1, 0, 1)
_EVEN = (0, 0, 0, 0)


def googlenet(name: str, num_classes: int) -> Chain:
    """Builds the one network of its family."""
    del name

    def unit(features: int, kernel: int, stride: int = 1) -> ConvNormActivation:
        return ConvNormActivation(
            features, kernel, stride, activation="relu", epsilon=1e-3
        )

    return Chain(
        (
            unit(64, 7, 2),
            MaxPool(3, 2, _CEIL),
            unit(64, 1),
            unit(192, 3),
            MaxPool(3, 2, _CEIL),
            Inception(64, 96, 128, 16, 32, 32),
            Inception(128, 128, 192, 32, 96, 64),
            MaxPool(3, 2, _CEIL),
            Inception(192, 96, 208, 16, 48, 64),
            Inception(160, 112, 224, 24, 64, 64),
            Inception(128, 128, 256, 24, 64, 64),
            Inception(112, 144, 288, 32, 64, 64),
            Inception(256, 160, 320, 32, 128, 128),
            MaxPool(2, 2, _EVEN),
            Inception(256, 160, 320, 32, 128, 128),
            Inception(384, 192, 384, 48, 128, 128),
            Head(num_classes, dropout=0.2),
        )
    )
