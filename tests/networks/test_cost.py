"""Costs of networks that are small enough to count by hand."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from gpt_nas_jax.networks import blocks
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.cost import Cost, cost, depth

TINY = Chain((blocks.Conv(4, stride=2), blocks.BatchNorm(), Head(10)))
IMAGE = (8, 8, 3)


def test_a_tiny_network_costs_what_counting_gives():
    assert cost(TINY, IMAGE) == Cost(
        # 3x3 convolution with bias, BatchNorm's scale and bias, classifier with bias.
        params=(27 * 4 + 4) + (4 + 4) + (4 * 10 + 10),
        macs=27 * (4 * 4 * 4) + 4 * 10,
        # Convolution, BatchNorm, pooled vector, logits.
        activations=4 * 4 * 4 + 4 * 4 * 4 + 4 + 10,
        # The convolution's input and output, in float32.
        memory=4 * (8 * 8 * 3 + 4 * 4 * 4),
    )
    assert cost(TINY, IMAGE).flops == 2 * cost(TINY, IMAGE).macs


def test_groups_divide_the_arithmetic_of_a_convolution():
    dense = cost(blocks.ConvNormActivation(16), (8, 8, 16)).macs
    assert dense == 9 * 16 * 16 * 64
    for groups in 4, 16:
        grouped = blocks.ConvNormActivation(16, groups=groups)
        assert cost(grouped, (8, 8, 16)).macs == dense // groups


class DenseOnPixels(nn.Module):
    """A fully connected layer over the channels of every pixel."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return nn.Dense(5)(x)


def test_a_dense_layer_on_pixels_costs_as_much_as_a_pointwise_convolution():
    pointwise = blocks.Conv(5, kernel=1)
    assert cost(DenseOnPixels(), IMAGE) == cost(pointwise, IMAGE)


class DenseOnTokens(nn.Module):
    """The same layer, over pixels in a row, as in a mixer or a transformer."""

    general: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        kind = nn.DenseGeneral if self.general else nn.Dense
        tokens = x.reshape(len(x), -1, x.shape[-1])
        return kind(5)(tokens).reshape(*x.shape[:-1], 5)


@pytest.mark.parametrize("general", [False, True])
def test_a_dense_layer_on_tokens_costs_as_much_as_one_on_pixels(general: bool):
    tokens, pixels = (
        cost(module, IMAGE) for module in (DenseOnTokens(general), DenseOnPixels())
    )
    assert tokens == pixels


def test_projections_of_attention_are_counted():
    class Attention(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array, train: bool) -> jax.Array:
            tokens = x.reshape(len(x), -1, x.shape[-1])
            y = nn.MultiHeadDotProductAttention(2, qkv_features=8)(tokens, tokens)
            return y.reshape(x.shape)

    height, width, channels = 8, 8, 4
    # To queries, keys and values, and back.
    expected = 4 * height * width * channels * 8
    assert cost(Attention(), (height, width, channels)).macs == expected


class Scaled(nn.Module):
    """A product inside a jitted function that also takes a literal."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        weight = self.param("weight", nn.initializers.ones, (3, 3))
        return jax.jit(lambda w, x, c: jnp.dot(x, w) * c)(weight, x, 2.0)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (TINY, 2),
        (blocks.ReLU(), 0),
        (blocks.BasicBlock(3), 2),
        (blocks.Bottleneck(16, 4, stride=2), 3),
        (blocks.SqueezeExcitation(2), 2),
        # The longest of four parallel branches.
        (blocks.Inception(4, 4, 4, 4, 4, 4), 2),
        # A depthwise convolution counts too, whatever its form.
        (blocks.InvertedResidual(8), 3),
        (Scaled(), 1),
    ],
)
def test_depth_follows_the_longest_path(module: nn.Module, expected: int):
    assert depth(module, IMAGE) == expected
