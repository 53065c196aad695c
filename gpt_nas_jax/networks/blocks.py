"""The blocks of the paper's Table II as Linen modules.

They have enough parameters to build the 36 networks of the zoo. Every block maps
``[B, H, W, C]`` to ``[B, H', W', features]`` and is called as ``block(x, train)``;
with ``train``, BatchNorm uses the statistics of the batch. Linen modules are frozen
dataclasses that hash by value, so equal blocks share one compiled program.
``ConvNormActivation`` and ``SqueezeExcitation``, which other blocks contain, are
defined in `gpt_nas_jax.networks.units`.
"""

import flax.linen as nn
import jax

from gpt_nas_jax.networks.convolution import Convolution, conv_general_dilated
from gpt_nas_jax.networks.normalization import batch_norm
from gpt_nas_jax.networks.operations import (
    Activation,
    ChannelShuffle,
    Concat,
    Padding,
    Pool,
    Shortcut,
    conv,
)
from gpt_nas_jax.networks.parallel import side_by_side
from gpt_nas_jax.networks.units import (
    Block,
    ConvNormActivation,
    SqueezeExcitation,
    conv_norm,
    conv_norm_relu,
)


class Inception(Block):
    """Four parallel branches concatenated along the channels (arXiv 1409.4842).

    The second wide branch is 3x3 instead of the paper's 5x5, as in the public
    GoogLeNet with 6,624,904 parameters.

    Attributes:
      one: channels of the 1x1 branch.
      reduce_a: channels of the 1x1 before the first 3x3 branch.
      wide_a: channels of the first 3x3 branch.
      reduce_b: channels of the 1x1 before the second 3x3 branch.
      wide_b: channels of the second 3x3 branch.
      pool: channels of the 1x1 after the pooling.
      stride: of the last convolution of every branch.
    """

    one: int
    reduce_a: int
    wide_a: int
    reduce_b: int
    wide_b: int
    pool: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        # Layers of stride 1 with the same input; Linen numbers them in this order.
        count = 3 if self.stride == 1 else 2
        names = [f"{ConvNormActivation.__name__}_{i}" for i in range(count)]
        first, second, *third = side_by_side(self, names, x)

        def branch(
            y: jax.Array,
            features: int,
            kernel: int,
            stride: int,
            convolution: Convolution = conv_general_dilated,
        ) -> jax.Array:
            layer = ConvNormActivation(
                features,
                kernel,
                stride,
                activation="relu",
                epsilon=1e-3,
                convolution=convolution,
            )
            return layer(y, train)

        a = branch(x, self.reduce_a, 1, 1, first)
        b = branch(x, self.reduce_b, 1, 1, second)
        pooled = Pool("max", 3, 1, (1, 1, 1, 1))(x)
        return Concat()(
            branch(x, self.one, 1, self.stride, *third),
            branch(a, self.wide_a, 3, self.stride),
            branch(b, self.wide_b, 3, self.stride),
            branch(pooled, self.pool, 1, self.stride),
        )


class AvgPool(Block):
    """Average pooling; ``kernel=None`` pools the whole feature map, unpadded."""

    kernel: int | None = 3
    stride: int = 1
    padding: Padding = (1, 1, 1, 1)

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return Pool("avg", self.kernel, self.stride, self.padding)(x)


class Stem(Block):
    """RegNet's stem: a 3x3 convolution, BatchNorm and ReLU (arXiv 2003.13678)."""

    features: int
    stride: int = 2

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return conv_norm_relu(self.features, 3, self.stride)(x, train)


class ResBottleneckBlock(Block):
    """RegNet's residual block: 1x1, grouped 3x3, 1x1 (arXiv 2003.13678).

    With ``squeeze``, a SqueezeExcitation of that many channels follows the 3x3.
    """

    features: int
    stride: int = 1
    group_width: int = 8
    squeeze: int = 0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        groups = self.features // self.group_width
        y = conv_norm_relu(self.features, 1)(x, train)
        y = conv_norm_relu(self.features, 3, self.stride, groups)(y, train)
        if self.squeeze:
            y = SqueezeExcitation(self.squeeze, activation="relu")(y, train)
        y = conv_norm(self.features, 1)(y, train)
        return _residual(x, y, self.stride, train)


class BasicBlock(Block):
    """ResNet's residual block of two 3x3 convolutions (arXiv 1512.03385)."""

    features: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        y = conv_norm_relu(self.features, 3, self.stride)(x, train)
        y = conv_norm(self.features, 3)(y, train)
        return _residual(x, y, self.stride, train)


class Bottleneck(Block):
    """The residual block 1x1, 3x3, 1x1 of ResNet, ResNeXt and Wide-ResNet.

    Attributes:
      features: channels of the output.
      inner: channels of the 3x3: ``features / 4`` in ResNet, twice that in
        Wide-ResNet (arXiv 1605.07146) and in ResNeXt (arXiv 1611.05431).
      groups: of the 3x3; more than one in ResNeXt only.
      stride: of the 3x3.
    """

    features: int
    inner: int
    groups: int = 1
    stride: int = 1

    @property
    def block_name(self) -> str:
        if self.groups > 1:
            return "BottleneckGrouped"
        return "BottleneckWide" if 4 * self.inner > self.features else "Bottleneck"

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        y = conv_norm_relu(self.inner, 1)(x, train)
        y = conv_norm_relu(self.inner, 3, self.stride, self.groups)(y, train)
        y = conv_norm(self.features, 1)(y, train)
        return _residual(x, y, self.stride, train)


class InvertedResidual(Block):
    """ShuffleNetV2's unit: half the channels pass, half are transformed.

    If the shape changes, both halves come from the whole input (arXiv 1807.11164,
    figure 3 c and d).
    """

    features: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        half = self.features // 2
        if self.stride == 1 and x.shape[-1] == self.features:
            passed, y = x[..., :half], x[..., half:]
        else:
            channels = x.shape[-1]
            passed = conv_norm(channels, 3, self.stride, groups=channels)(x, train)
            passed = conv_norm_relu(half, 1)(passed, train)
            y = x
        y = conv_norm_relu(half, 1)(y, train)
        y = conv_norm(half, 3, self.stride, groups=half)(y, train)
        y = conv_norm_relu(half, 1)(y, train)
        return ChannelShuffle(2)(Concat()(passed, y))


class MaxPool(Block):
    """Max pooling."""

    kernel: int = 3
    stride: int = 1
    padding: Padding = (1, 1, 1, 1)

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return Pool("max", self.kernel, self.stride, self.padding)(x)


class BatchNorm(Block):
    """A single BatchNorm."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return batch_norm(train)(x)


class ReLU(Block):
    """A single ReLU."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return Activation("relu")(x)


class Conv(Block):
    """A single convolution."""

    features: int
    kernel: int = 3
    stride: int = 1
    bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return conv(self.features, self.kernel, self.stride, bias=self.bias)(x)


def _residual(x: jax.Array, y: jax.Array, stride: int, train: bool) -> jax.Array:
    """ReLU of the sum; projects the shortcut if the shape changes."""
    if stride != 1 or x.shape[-1] != y.shape[-1]:
        x = conv_norm(y.shape[-1], 1, stride)(x, train)
    return Activation("relu")(Shortcut()(x, y))
