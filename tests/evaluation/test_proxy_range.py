"""Synaptic flow of deep and wide networks stays in the range of float32."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_nas_jax.evaluation.proxies import flow, weights
from gpt_nas_jax.evaluation.proxies.segments import segments
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.spaces.blocks.network import candidate_block

pytestmark = pytest.mark.slow

DEPTH, WIDTH, CLASSES = 20, 512, 10
# Each scales its input differently: SqueezeExcitation and SiLU nonlinearly,
# InvertedResidual in only half of the channels.
NAMES = ("ConvNormActivation", "SqueezeExcitation", "InvertedResidual", "MaxPool")


@functools.cache
def head() -> Head:
    return Head(CLASSES)


def chain_of(names: tuple[str, ...], width: int) -> Chain:
    """A chain of these blocks, all of which keep the shape."""
    blocks = (candidate_block(name, width, 1, False) for name in names)
    return Chain((*blocks, head()))


def measured(
    chain: Chain, size: tuple[int, int, int], dtype: type[np.floating]
) -> dict[str, float]:
    """The readings of `flow.read`, computed entirely in one type."""
    parts = segments(chain, size)
    drawn = weights.uniform(parts, jax.random.key(0))
    with jax.enable_x64(dtype is np.float64):
        vectors = jax.tree.map(lambda vector: vector.astype(dtype), drawn)
        image = jnp.ones((1, *size), dtype)
        found = jax.device_get(flow.read(parts, vectors, image))
    assert found["flow"].dtype == dtype
    return {name: float(value) for name, value in found.items()}


def check(names: tuple[str, ...], width: int, side: int) -> dict[str, float]:
    chain, size = chain_of(names, width), (side, side, width)
    single, double = (measured(chain, size, t) for t in (np.float32, np.float64))
    assert all(map(np.isfinite, double.values()))
    for name, value in double.items():
        assert single[name] == pytest.approx(value, rel=1e-5, abs=1e-5)
    return double


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=DEPTH))
@settings(max_examples=20)
def test_chains_are_measured_as_in_double_precision(names: list[str]):
    check(tuple(names), 16, 2)


@pytest.mark.long
def test_twenty_wide_blocks_are_measured_as_in_double_precision():
    found = check(("Bottleneck",) * DEPTH, WIDTH, 1)
    # Without rescaling, the output would overflow float32.
    assert found["log_scale"] > np.log(np.finfo(np.float32).max)
    # A block has three layers, and its shortcut adds 1.
    fans = WIDTH, 9 * WIDTH // 4, WIDTH // 4
    assert found["log_scale"] < DEPTH * np.log(1 + np.prod(np.sqrt(fans)))
