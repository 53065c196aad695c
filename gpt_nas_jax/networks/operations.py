"""Elementary Linen modules, which networks are built from and tracing records.

Flax has no modules for pooling, activations and merges; these make them visible to
`gpt_nas_jax.networks.trace`, like `nn.Conv` and `nn.BatchNorm`.
"""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.networks.convolution import Convolution, conv_general_dilated
from gpt_nas_jax.networks.drawing import he_normal
from gpt_nas_jax.networks.pooling import avg_pool, max_pool

Padding = tuple[int, int, int, int]

_ACTIVATIONS = {
    "relu": nn.relu,
    "relu6": nn.relu6,
    "silu": nn.silu,
    "sigmoid": nn.sigmoid,
}


def conv(
    features: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    bias: bool = False,
    convolution: Convolution = conv_general_dilated,
) -> nn.Conv:
    """A square convolution, initialised by `he_normal`.

    An odd kernel preserves the size at stride 1.
    """
    return nn.Conv(
        features,
        (kernel, kernel),
        (stride, stride),
        padding=[(kernel // 2, kernel // 2)] * 2,
        feature_group_count=groups,
        use_bias=bias,
        conv_general_dilated=convolution,
        kernel_init=he_normal,
    )


class Operation(nn.Module):
    """A parameter-free layer of the kind "other": a name and its values."""

    layer_name: ClassVar[str]

    def layer_value(self) -> tuple[int | float, ...]:
        return ()


class Pool(nn.Module):
    """Max or average pooling; ``kernel=None`` pools the whole feature map.

    Padding is top, bottom, left, right; averages exclude padded pixels. Pooling the
    whole feature map is unpadded.
    """

    type: str
    kernel: int | None = None
    stride: int = 1
    padding: Padding = (0, 0, 0, 0)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, H, W, C]`` to ``[B, H', W', C]``."""
        window = self.window(x.shape)
        top, bottom, left, right = self.padding
        pads = ((top, bottom), (left, right))
        strides = (self.stride, self.stride)
        if self.type == "max":
            return max_pool(x, window, strides, pads)
        if self.kernel is None:
            return jnp.mean(x, axis=(1, 2), keepdims=True)
        return avg_pool(x, window, strides, pads)

    def window(self, shape: tuple[int, ...]) -> tuple[int, int]:
        if self.kernel is None:
            return shape[1], shape[2]
        return self.kernel, self.kernel


class Activation(nn.Module):
    """An elementwise nonlinearity: relu, relu6, silu or sigmoid."""

    function: str

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return _ACTIVATIONS[self.function](x)


class Add(Operation):
    """The sum of two equal shapes."""

    layer_name: ClassVar[str] = "add"

    @nn.compact
    def __call__(self, x: jax.Array, y: jax.Array) -> jax.Array:
        return x + y


class Shortcut(Add):
    """The sum of shortcut and branch at the end of a residual block.

    Called as ``Shortcut()(shortcut, branch)``. Stochastic depth drops the branch.
    """


class Scale(Operation):
    """The product of a feature map and a gate ``[B, 1, 1, C]``."""

    layer_name: ClassVar[str] = "scale"

    @nn.compact
    def __call__(self, x: jax.Array, gate: jax.Array) -> jax.Array:
        return x * gate


class Concat(Operation):
    """Concatenation along the channels."""

    layer_name: ClassVar[str] = "concat"

    @nn.compact
    def __call__(self, *branches: jax.Array) -> jax.Array:
        return jnp.concatenate(branches, axis=-1)


class ChannelShuffle(Operation):
    """Shuffles channels between groups (ShuffleNet, arXiv 1707.01083).

    Channel ``i`` of group ``g`` becomes channel ``g`` of the new group ``i``.
    """

    layer_name: ClassVar[str] = "channel_shuffle"
    groups: int = 2

    def layer_value(self) -> tuple[int | float, ...]:
        return (self.groups,)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        *front, channels = x.shape
        x = x.reshape(*front, self.groups, channels // self.groups)
        return jnp.swapaxes(x, -1, -2).reshape(*front, channels)
