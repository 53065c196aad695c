"""The blocks in plain Flax, with running statistics."""

import flax.linen as nn
import jax
import jax.numpy as jnp


def conv(
    features: int,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    bias: bool = False,
    name: str | None = None,
) -> nn.Conv:
    """A square convolution that keeps the size at stride 1."""
    return nn.Conv(
        features,
        (kernel, kernel),
        (stride, stride),
        padding=[(kernel // 2, kernel // 2)] * 2,
        feature_group_count=groups,
        use_bias=bias,
        name=name,
    )


def max_pool(
    x: jax.Array,
    kernel: int = 3,
    stride: int = 1,
    padding: tuple[int, int, int, int] = (1, 1, 1, 1),
) -> jax.Array:
    """The largest of each window; padding is top, bottom, left, right."""
    pads = (padding[:2], padding[2:])
    return nn.max_pool(x, (kernel, kernel), (stride, stride), pads)


def avg_pool(
    x: jax.Array,
    kernel: int = 3,
    stride: int = 1,
    padding: tuple[int, int, int, int] = (1, 1, 1, 1),
) -> jax.Array:
    """The mean of each window without its padding: top, bottom, left, right."""
    pads, window = (padding[:2], padding[2:]), (kernel, kernel)
    return nn.avg_pool(x, window, (stride, stride), pads, count_include_pad=False)


class ConvNormActivation(nn.Module):
    """Convolution, BatchNorm and, unless None, an activation."""

    features: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    activation: str | None = "silu"
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.features, self.kernel, self.stride, self.groups)
        x = conv(*shape, name="conv")(x)
        x = nn.BatchNorm(True, epsilon=self.epsilon, name="norm")(x)
        return getattr(nn, self.activation)(x) if self.activation else x


class SqueezeExcitation(nn.Module):
    """Channels gated by the means of all channels over the feature map."""

    squeeze: int
    activation: str = "silu"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        gate = x.mean((1, 2), keepdims=True)
        gate = conv(self.squeeze, 1, bias=True, name="squeeze")(gate)
        gate = getattr(nn, self.activation)(gate)
        gate = conv(x.shape[-1], 1, bias=True, name="excite")(gate)
        return x * nn.sigmoid(gate)


class Inception(nn.Module):
    """Four parallel branches joined along the channels."""

    one: int
    reduce_a: int
    wide_a: int
    reduce_b: int
    wide_b: int
    pool: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def unit(
            y: jax.Array, name: str, features: int, kernel: int = 1, stride: int = 1
        ) -> jax.Array:
            shape = (features, kernel, stride, 1)
            return ConvNormActivation(*shape, "relu", 1e-3, name=name)(y)

        stride = self.stride
        a = unit(x, "reduce_a", self.reduce_a)
        b = unit(x, "reduce_b", self.reduce_b)
        branches = (
            unit(x, "one", self.one, 1, stride),
            unit(a, "wide_a", self.wide_a, 3, stride),
            unit(b, "wide_b", self.wide_b, 3, stride),
            unit(max_pool(x), "pool", self.pool, 1, stride),
        )
        return jnp.concatenate(branches, -1)


class ResBottleneckBlock(nn.Module):
    """RegNet's residual block: 1x1, grouped 3x3, 1x1."""

    features: int
    stride: int = 1
    group_width: int = 8
    squeeze: int = 0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        groups = self.features // self.group_width
        y = ConvNormActivation(self.features, 1, 1, 1, "relu", name="reduce")(x)
        shape = (self.features, 3, self.stride, groups)
        y = ConvNormActivation(*shape, "relu", name="middle")(y)
        if self.squeeze:
            y = SqueezeExcitation(self.squeeze, "relu", name="gate")(y)
        y = ConvNormActivation(self.features, 1, 1, 1, None, name="expand")(y)
        return residual(x, y, self.stride)


class BasicBlock(nn.Module):
    """ResNet's residual block of two 3x3 convolutions."""

    features: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.features, 3, self.stride, 1)
        y = ConvNormActivation(*shape, "relu", name="first")(x)
        y = ConvNormActivation(self.features, 3, 1, 1, None, name="second")(y)
        return residual(x, y, self.stride)


class Bottleneck(nn.Module):
    """The residual block 1x1, 3x3, 1x1 of ResNet, ResNeXt and Wide-ResNet."""

    features: int
    inner: int
    groups: int = 1
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = ConvNormActivation(self.inner, 1, 1, 1, "relu", name="reduce")(x)
        shape = (self.inner, 3, self.stride, self.groups)
        y = ConvNormActivation(*shape, "relu", name="middle")(y)
        y = ConvNormActivation(self.features, 1, 1, 1, None, name="expand")(y)
        return residual(x, y, self.stride)


def residual(x: jax.Array, y: jax.Array, stride: int) -> jax.Array:
    """ReLU of the sum, with the shortcut projected where the shape changes."""
    features = y.shape[-1]
    if stride != 1 or x.shape[-1] != features:
        x = ConvNormActivation(features, 1, stride, 1, None, name="shortcut")(x)
    return nn.relu(x + y)


class InvertedResidual(nn.Module):
    """ShuffleNetV2's unit: half of the channels pass, half are transformed."""

    features: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        half, channels = self.features // 2, x.shape[-1]
        if self.stride == 1 and channels == self.features:
            passed, y = x[..., :half], x[..., half:]
        else:
            shape = (channels, 3, self.stride, channels)
            passed = ConvNormActivation(*shape, None, name="passed_depthwise")(x)
            one = (half, 1, 1, 1)
            passed = ConvNormActivation(*one, "relu", name="passed_project")(passed)
            y = x
        y = ConvNormActivation(half, 1, 1, 1, "relu", name="expand")(y)
        shape = (half, 3, self.stride, half)
        y = ConvNormActivation(*shape, None, name="depthwise")(y)
        y = ConvNormActivation(half, 1, 1, 1, "relu", name="project")(y)
        # Interleaves the channels of both halves.
        return jnp.stack((passed, y), -1).reshape(*y.shape[:-1], self.features)


class MBConv(nn.Module):
    """EfficientNet's inverted bottleneck with a depthwise convolution and a squeeze."""

    features: int
    expansion: int
    kernel: int
    stride: int = 1
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def unit(
            y: jax.Array,
            name: str,
            features: int,
            kernel: int = 1,
            stride: int = 1,
            groups: int = 1,
            activation: str | None = "silu",
        ) -> jax.Array:
            shape = (features, kernel, stride, groups)
            unit = ConvNormActivation(*shape, activation, self.epsilon, name=name)
            return unit(y)

        channels = x.shape[-1]
        inner = channels * self.expansion
        y = x if inner == channels else unit(x, "expand", inner)
        y = unit(y, "depthwise", inner, self.kernel, self.stride, inner)
        y = SqueezeExcitation(max(1, channels // 4), name="gate")(y)
        y = unit(y, "project", self.features, activation=None)
        return x + y if self.stride == 1 and channels == self.features else y


class InvertedBottleneck(nn.Module):
    """MobileNetV2's inverted bottleneck with a depthwise convolution."""

    features: int
    expansion: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        inner, y = x.shape[-1] * self.expansion, x
        if self.expansion > 1:
            y = ConvNormActivation(inner, 1, 1, 1, "relu6", name="expand")(y)
        shape = (inner, 3, self.stride, inner)
        y = ConvNormActivation(*shape, "relu6", name="depthwise")(y)
        y = ConvNormActivation(self.features, 1, 1, 1, None, name="project")(y)
        return x + y if self.stride == 1 and x.shape[-1] == self.features else y
