"""The blocks in plain PyTorch; the first argument is the number of channels."""

import torch
import torch.nn.functional as F
from torch import nn


def conv(
    channels: int,
    features: int,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """A square convolution that keeps the size at stride 1."""
    pad = kernel // 2
    return nn.Conv2d(channels, features, kernel, stride, pad, groups=groups, bias=bias)


def max_pool(
    x: torch.Tensor,
    kernel: int = 3,
    stride: int = 1,
    padding: tuple[int, int, int, int] = (1, 1, 1, 1),
) -> torch.Tensor:
    """The largest of each window; padding is top, bottom, left, right."""
    top, bottom, left, right = padding
    padded = F.pad(x, (left, right, top, bottom), value=-torch.inf)
    return F.max_pool2d(padded, kernel, stride)


def avg_pool(
    x: torch.Tensor,
    kernel: int = 3,
    stride: int = 1,
    padding: tuple[int, int, int, int] = (1, 1, 1, 1),
) -> torch.Tensor:
    """The mean of each window without its padding, which is the same on both sides."""
    pads = padding[::2]
    return F.avg_pool2d(x, kernel, stride, pads, count_include_pad=False)


class ConvNormActivation(nn.Module):
    """Convolution, BatchNorm and, unless None, an activation."""

    def __init__(
        self,
        channels: int,
        features: int,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
        activation: str | None = "silu",
        epsilon: float = 1e-5,
    ) -> None:
        super().__init__()
        self.conv = conv(channels, features, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(features, epsilon)
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        return getattr(F, self.activation)(x) if self.activation else x


class SqueezeExcitation(nn.Module):
    """Channels gated by the means of all channels over the feature map."""

    def __init__(self, channels: int, squeeze: int, activation: str = "silu") -> None:
        super().__init__()
        self.squeeze = conv(channels, squeeze, 1, bias=True)
        self.excite = conv(squeeze, channels, 1, bias=True)
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = self.squeeze(x.mean((2, 3), keepdim=True))
        gate = self.excite(getattr(F, self.activation)(gate))
        return x * torch.sigmoid(gate)


class Inception(nn.Module):
    """Four parallel branches joined along the channels."""

    def __init__(
        self,
        channels: int,
        one: int,
        reduce_a: int,
        wide_a: int,
        reduce_b: int,
        wide_b: int,
        pool: int,
        stride: int = 1,
    ) -> None:
        super().__init__()

        def unit(
            channels: int, features: int, kernel: int = 1, stride: int = 1
        ) -> ConvNormActivation:
            shape = (channels, features, kernel, stride, 1)
            return ConvNormActivation(*shape, "relu", 1e-3)

        self.one = unit(channels, one, 1, stride)
        self.reduce_a = unit(channels, reduce_a)
        self.wide_a = unit(reduce_a, wide_a, 3, stride)
        self.reduce_b = unit(channels, reduce_b)
        self.wide_b = unit(reduce_b, wide_b, 3, stride)
        self.pool = unit(channels, pool, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = (
            self.one(x),
            self.wide_a(self.reduce_a(x)),
            self.wide_b(self.reduce_b(x)),
            self.pool(max_pool(x)),
        )
        return torch.cat(branches, 1)


def shortcut(channels: int, features: int, stride: int) -> nn.Module:
    """A projection where the shape changes."""
    if stride == 1 and channels == features:
        return nn.Identity()
    return ConvNormActivation(channels, features, 1, stride, activation=None)


class ResBottleneckBlock(nn.Module):
    """RegNet's residual block: 1x1, grouped 3x3, 1x1."""

    def __init__(
        self,
        channels: int,
        features: int,
        stride: int = 1,
        group_width: int = 8,
        squeeze: int = 0,
    ) -> None:
        super().__init__()
        wide = (features, features, 3, stride, features // group_width)
        self.reduce = ConvNormActivation(channels, features, 1, activation="relu")
        self.middle = ConvNormActivation(*wide, "relu")
        self.gate = nn.Identity()
        if squeeze:
            self.gate = SqueezeExcitation(features, squeeze, "relu")
        self.expand = ConvNormActivation(features, features, 1, activation=None)
        self.shortcut = shortcut(channels, features, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.expand(self.gate(self.middle(self.reduce(x))))
        return F.relu(self.shortcut(x) + y)


class BasicBlock(nn.Module):
    """ResNet's residual block of two 3x3 convolutions."""

    def __init__(self, channels: int, features: int, stride: int = 1) -> None:
        super().__init__()
        shape = (channels, features, 3, stride)
        self.first = ConvNormActivation(*shape, activation="relu")
        self.second = ConvNormActivation(features, features, activation=None)
        self.shortcut = shortcut(channels, features, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.shortcut(x) + self.second(self.first(x)))


class Bottleneck(nn.Module):
    """The residual block 1x1, 3x3, 1x1 of ResNet, ResNeXt and Wide-ResNet."""

    def __init__(
        self, channels: int, features: int, inner: int, groups: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        wide = (inner, inner, 3, stride, groups)
        self.reduce = ConvNormActivation(channels, inner, 1, activation="relu")
        self.middle = ConvNormActivation(*wide, "relu")
        self.expand = ConvNormActivation(inner, features, 1, activation=None)
        self.shortcut = shortcut(channels, features, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.expand(self.middle(self.reduce(x)))
        return F.relu(self.shortcut(x) + y)


class InvertedResidual(nn.Module):
    """ShuffleNetV2's unit: half of the channels pass, half are transformed."""

    def __init__(self, channels: int, features: int, stride: int = 1) -> None:
        super().__init__()
        half = features // 2
        self.splits = stride == 1 and channels == features
        if not self.splits:
            wide = (channels, channels, 3, stride, channels)
            self.passed_depthwise = ConvNormActivation(*wide, None)
            one = (channels, half, 1)
            self.passed_project = ConvNormActivation(*one, activation="relu")
        before = half if self.splits else channels
        self.expand = ConvNormActivation(before, half, 1, activation="relu")
        self.depthwise = ConvNormActivation(half, half, 3, stride, half, None)
        self.project = ConvNormActivation(half, half, 1, activation="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.splits:
            passed, y = x.chunk(2, 1)
        else:
            passed, y = self.passed_project(self.passed_depthwise(x)), x
        y = self.project(self.depthwise(self.expand(y)))
        # Interleaves the channels of both halves.
        return torch.stack((passed, y), 2).flatten(1, 2)


class MBConv(nn.Module):
    """EfficientNet's inverted bottleneck with a depthwise convolution and a squeeze."""

    def __init__(
        self,
        channels: int,
        features: int,
        expansion: int,
        kernel: int,
        stride: int = 1,
        epsilon: float = 1e-5,
    ) -> None:
        super().__init__()
        inner, how = channels * expansion, {"epsilon": epsilon}
        self.expand = nn.Identity()
        if expansion > 1:
            self.expand = ConvNormActivation(channels, inner, 1, **how)
        wide = (inner, inner, kernel, stride, inner)
        self.depthwise = ConvNormActivation(*wide, **how)
        self.gate = SqueezeExcitation(inner, max(1, channels // 4))
        self.project = ConvNormActivation(inner, features, 1, activation=None, **how)
        self.adds = stride == 1 and channels == features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.project(self.gate(self.depthwise(self.expand(x))))
        return x + y if self.adds else y


class InvertedBottleneck(nn.Module):
    """MobileNetV2's inverted bottleneck with a depthwise convolution."""

    def __init__(
        self, channels: int, features: int, expansion: int, stride: int = 1
    ) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = nn.Identity()
        if expansion > 1:
            self.expand = ConvNormActivation(channels, inner, 1, activation="relu6")
        wide = (inner, inner, 3, stride, inner)
        self.depthwise = ConvNormActivation(*wide, "relu6")
        self.project = ConvNormActivation(inner, features, 1, activation=None)
        self.adds = stride == 1 and channels == features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds else y
