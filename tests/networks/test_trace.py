"""Traces against hand-written layers and against Flax itself."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Conv, FullyConnected, Other, Size
from gpt_nas_jax.networks.trace import layers_of, trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES, candidate
from gpt_nas_jax.spaces.nasbench101 import network as nasbench101_network
from gpt_nas_jax.types import UsageError


class Foreign(nn.Module):
    """A network that does not use this package."""

    features: Sequence[int]

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        first, second, third = self.features
        # Constants compile faster than random numbers; traces depend on neither.
        conv = functools.partial(nn.Conv, kernel_init=nn.initializers.ones)
        x = conv(first, (3, 3), strides=(2, 2), padding="SAME")(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-4)(x)
        x = nn.relu(x)
        pads = [(2, 1), (0, 1)]
        x = conv(second, (5, 3), 2, pads, feature_group_count=4, use_bias=False)(x)
        x = conv(third, (3, 3), padding=2, kernel_dilation=2)(x)
        x = x.reshape(x.shape[0], -1)
        x = nn.Dropout(0.3, deterministic=not train)(x)
        return nn.Dense(10, use_bias=False, kernel_init=nn.initializers.ones)(x)


class OneConv(nn.Module):
    """A convolution whose padding is passed to Flax as it is."""

    kernel: tuple[int, ...]
    stride: int
    dilation: int | tuple[int, int]
    padding: str | tuple[tuple[int, int], tuple[int, int]]

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return nn.Conv(
            2, self.kernel, self.stride, self.padding, kernel_dilation=self.dilation
        )(x)


def shapes(module: nn.Module, in_size: Size) -> dict:
    """The shapes of the variables that Flax itself creates."""
    x = jax.ShapeDtypeStruct((1, *in_size), jnp.float32)
    return jax.eval_shape(lambda x: module.init(jax.random.key(0), x, False), x)


def test_a_foreign_network_has_the_properties_of_table_one():
    module = Foreign((8, 12, 4))
    traced = trace(module, (9, 6, 3))
    assert [part.layer for part in traced.layers] == [
        # At stride 2, 9 rows are padded on both sides, 6 columns only on the right.
        Conv(0, (9, 6, 3), (5, 3, 8), (3, 3), (2, 2), (1, 1, 0, 1), 1, 1, True),
        Other(1, (5, 3, 8), (5, 3, 8), "batch_norm", (1e-4, 0.9)),
        Conv(2, (5, 3, 8), (2, 1, 12), (5, 3), (2, 2), (2, 1, 0, 1), 1, 4, False),
        Conv(3, (2, 1, 12), (2, 1, 4), (3, 3), (1, 1), (2, 2, 2, 2), 2, 1, True),
        Other(4, (1, 1, 8), (1, 1, 8), "dropout", (0.3,)),
        FullyConnected(5, (1, 1, 8), (1, 1, 10), False),
    ]
    assert {(part.block, part.instance) for part in traced.layers} == {(None, -1)}
    assert traced.out_size == (1, 1, 10)


def test_a_foreign_network_counts_what_flax_initialises():
    module = Foreign((8, 12, 4))
    variables = module.init(jax.random.key(0), np.zeros((1, 9, 6, 3)), False)
    traced = trace(module, (9, 6, 3))
    counts = {
        name: sum(leaf.size for leaf in jax.tree.leaves(tree))
        for name, tree in variables.items()
    }
    assert counts == {"params": traced.params, "batch_stats": traced.state}


def test_a_module_that_does_not_hash_is_traced_like_one_that_does():
    hashing, listing = Foreign((8, 12, 4)), Foreign([8, 12, 4])
    with pytest.raises(TypeError):
        hash(listing)
    assert layers_of(listing, (9, 6, 3)) == layers_of(hashing, (9, 6, 3))


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "size"),
    [((3, 3), 2, 1, (8, 9)), ((4, 2), 1, 1, (5, 5)), ((3, 2), 3, 2, (10, 7))],
)
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_named_padding_is_traced_as_the_numbers_that_give_the_same_output(
    kernel: tuple[int, int],
    stride: int,
    dilation: int,
    size: tuple[int, int],
    padding: str,
    random_variables: Callable[..., Any],
):
    module = OneConv(kernel, stride, dilation, padding)
    x = np.random.default_rng(0).normal(size=(1, *size, 3)).astype(np.float32)
    variables = random_variables(module, (*size, 3))
    out = module.apply(variables, x, False)
    (layer,) = layers_of(module, (*size, 3))
    top, bottom, left, right = layer.padding
    explicit = OneConv(kernel, stride, dilation, ((top, bottom), (left, right)))
    np.testing.assert_allclose(explicit.apply(variables, x, False), out, rtol=1e-6)
    assert layer.out_size == out.shape[1:]


@pytest.mark.parametrize(("kernel", "dilation"), [((3,), 1), ((3, 3), (1, 2))])
def test_a_convolution_outside_table_one_is_refused(
    kernel: tuple[int, ...], dilation: int | tuple[int, int]
):
    with pytest.raises(UsageError, match="can be traced"):
        trace(OneConv(kernel, 1, dilation, "SAME"), (8, 8, 3))


CHAINS = {
    "candidate": (candidate(BLOCK_NAMES, 16, 3, 10), (9, 16, 3)),
    "cells": (nasbench101_network.network(((0, 1), (0, 2), (1, 2)), (0,)), (32, 32, 3)),
    "EfficientNet": (ZOO["EfficientNet-B0"].build(10), (224, 224, 3)),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_traced_block_by_block_has_the_variables_flax_makes(name: str):
    module, size = CHAINS[name]
    traced = trace(module, size)
    assert jax.tree.map(jnp.shape, traced.variables) == jax.tree.map(
        jnp.shape, shapes(module, size)
    )
    leaves = jax.tree.leaves(traced.variables)
    assert traced.params + traced.state == sum(leaf.size for leaf in leaves)


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_traced_block_by_block_equals_one_traced_at_once(name: str):
    class Whole(nn.Module):
        inner: nn.Module

        @nn.compact
        def __call__(self, x: jax.Array, train: bool) -> jax.Array:
            return self.inner(x, train)

    module, size = CHAINS[name]
    parts, at_once = trace(module, size), trace(Whole(module), size)
    assert parts.layers == at_once.layers
    assert [part.layer.id for part in parts.layers] == list(range(len(parts.layers)))
    assert parts.out_size == at_once.out_size
    assert (parts.params, parts.state) == (at_once.params, at_once.state)


def test_layers_of_a_candidate_name_the_block_they_lie_in():
    traced = trace(
        candidate(("BasicBlock", "ReLU", "ReLU", "ReLU"), 16, 2, 10), (8, 8, 3)
    )
    runs: dict[int, list[str | None]] = {}
    for part in traced.layers:
        runs.setdefault(part.instance, []).append(part.block)
    assert runs == {
        # Two convolutions, a shortcut, three BatchNorms, two ReLUs and the sum.
        0: ["BasicBlock"] * 9,
        1: ["ReLU"],
        # The projection before the first block of the second stage.
        2: ["ConvNormActivation"] * 2,
        3: ["ReLU"],
        4: ["ReLU"],
        5: ["AvgPool"],
        -1: [None],
    }


def test_a_chain_refuses_one_module_at_two_places():
    module = OneConv((3, 3), 1, 1, "SAME")
    with pytest.raises(ValueError, match="two places"):
        Chain((module, module))
    equal = OneConv((3, 3), 1, 1, "SAME")
    assert trace(Chain((module, equal)), (4, 4, 2)).params == 2 * 38
