"""The base class of blocks, and blocks of Table II that others contain."""

import flax.linen as nn
import jax

from gpt_nas_jax.networks.convolution import Convolution, conv_general_dilated
from gpt_nas_jax.networks.normalization import batch_norm
from gpt_nas_jax.networks.operations import Activation, Pool, Scale, conv


class Block(nn.Module):
    """A block of Table II; `block_name` is its name there."""

    @property
    def block_name(self) -> str:
        return type(self).__name__


class ConvNormActivation(Block):
    """Convolution, BatchNorm and, unless None, an activation.

    ``convolution`` implements the convolution.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    activation: str | None = "silu"
    epsilon: float = 1e-5
    momentum: float = 0.9
    convolution: Convolution = conv_general_dilated

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        how = {"groups": self.groups, "convolution": self.convolution}
        x = conv(self.features, self.kernel, self.stride, **how)(x)
        x = batch_norm(train, self.momentum, self.epsilon)(x)
        return x if self.activation is None else Activation(self.activation)(x)


def conv_norm(
    features: int, kernel: int, stride: int = 1, groups: int = 1
) -> ConvNormActivation:
    """A convolution and BatchNorm without an activation."""
    return ConvNormActivation(features, kernel, stride, groups, activation=None)


def conv_norm_relu(
    features: int, kernel: int, stride: int = 1, groups: int = 1
) -> ConvNormActivation:
    """A convolution, BatchNorm and ReLU."""
    return ConvNormActivation(features, kernel, stride, groups, activation="relu")


class SqueezeExcitation(Block):
    """Gates channels by their global averages (arXiv 1709.01507)."""

    squeeze: int
    activation: str = "silu"

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        gate = Pool("avg")(x)
        gate = conv(self.squeeze, 1, bias=True)(gate)
        gate = Activation(self.activation)(gate)
        gate = conv(x.shape[-1], 1, bias=True)(gate)
        return Scale()(x, Activation("sigmoid")(gate))
