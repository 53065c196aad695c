"""Single blocks and their outputs."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from gpt_nas_jax.networks import blocks
from gpt_nas_jax.networks.trace import trace

SIZE = (6, 5, 8)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(2, *SIZE)).astype(np.float32)


def test_the_shuffle_unit_lets_half_the_channels_pass(
    random_variables: Callable[..., Any], images: np.ndarray
):
    block = blocks.InvertedResidual(8)
    out = np.asarray(block.apply(random_variables(block, SIZE), images, False))
    np.testing.assert_array_equal(out[..., 0::2], images[..., :4])
    assert not np.isin(out[..., 1::2], images).any()


def test_squeeze_gates_each_channel_alike_everywhere(
    random_variables: Callable[..., Any], images: np.ndarray
):
    block = blocks.SqueezeExcitation(4)
    out = np.asarray(block.apply(random_variables(block, SIZE), images, False))
    gates = out / images
    np.testing.assert_allclose(
        gates, np.broadcast_to(gates[:, :1, :1], gates.shape), rtol=1e-5
    )
    assert ((gates > 0) & (gates < 1)).all()


@pytest.mark.parametrize(
    ("block", "name"),
    [
        (blocks.Bottleneck(256, 64), "Bottleneck"),
        (blocks.Bottleneck(256, 128), "BottleneckWide"),
        (blocks.Bottleneck(256, 128, groups=32), "BottleneckGrouped"),
        (blocks.BasicBlock(64), "BasicBlock"),
    ],
)
def test_bottlenecks_are_told_apart_by_their_inner_convolution(
    block: blocks.Block, name: str
):
    assert block.block_name == name


@pytest.mark.parametrize(
    "block",
    [
        blocks.BasicBlock(8),
        blocks.Bottleneck(8, 2),
        blocks.ResBottleneckBlock(8, squeeze=2),
    ],
)
def test_a_residual_branch_of_zeros_leaves_a_rectified_input(
    block: blocks.Block, random_variables: Callable[..., Any], images: np.ndarray
):
    variables = random_variables(block, SIZE)
    variables["params"] = jax.tree.map(np.zeros_like, variables["params"])
    out = block.apply(variables, images, False)
    np.testing.assert_array_equal(out, np.maximum(images, 0))


@pytest.mark.parametrize(
    "block",
    [
        blocks.BasicBlock(8, stride=2),
        blocks.Bottleneck(8, 2, stride=2),
        blocks.ResBottleneckBlock(8, stride=2),
    ],
)
def test_a_residual_block_halves_the_resolution_at_equal_width(block: blocks.Block):
    assert trace(block, SIZE).out_size == (3, 3, 8)
