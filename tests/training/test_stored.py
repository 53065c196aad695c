"""Block programs with the axis order of a TPU, run on the CPU."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_nas_jax.networks.layers import Conv
from gpt_nas_jax.networks.platform import compiling_for
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES, candidate, candidate_block
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.training.stored import Stored, load, store

UPDATE = optax.sgd(0.1)
BATCH = 4


def step(state: programs.BlockState, x: jax.Array, dy: jax.Array) -> Any:
    """A block's output, statistics, new parameters and input gradient."""
    y, stats, pullback = programs.forward.__wrapped__(state, store(x), False)
    trained, _, (dx,) = programs.backward.__wrapped__(
        UPDATE, pullback, state, store(x), store(dy)
    )
    return load(y), stats, trained, load(dx)


def state_of(block: nn.Module, size: tuple[int, int, int]) -> programs.BlockState:
    return programs.start(block, Rule.ALL, UPDATE, size, jax.random.key(0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "channels", "stride"),
    [
        ("Inception", 16, 1),
        # Merging its convolutions depends on their number and the channels.
        ("Inception", 1024, 1),
        pytest.param("Inception", 1024, 2, marks=pytest.mark.slow),
        ("ResBottleneckBlock", 16, 1),
        # Grouped convolutions that fill more than one register.
        ("BottleneckGrouped", 512, 1),
        ("InvertedResidual", 256, 1),
    ],
)
def test_a_block_is_trained_as_on_a_cpu(name: str, channels: int, stride: int) -> None:
    block, size = candidate_block(name, channels, stride, False), (4, 4, channels)
    state, generator = state_of(block, size), np.random.default_rng(0)
    out_size = (4 // stride, 4 // stride, channels)
    x, dy = (generator.normal(size=(BATCH, *one)) for one in (size, out_size))
    args = state, jnp.asarray(x, jnp.float32), jnp.asarray(dy, jnp.float32)
    theirs = jax.jit(step)(*args)
    with compiling_for("tpu"):
        # A new function, since JAX would reuse the trace of ``step``.
        ours = jax.jit(lambda *args: step(*args))(*args)
    for mine, other in zip(ours, theirs, strict=True):
        assert np.linalg.norm(mine - other) <= 2e-5 * np.linalg.norm(other)


@pytest.mark.parametrize("platform", ["cpu", "tpu"])
@pytest.mark.parametrize("name", BLOCK_NAMES)
def test_a_pullback_holds_the_outputs_of_convolutions_alone(
    name: str, platform: str
) -> None:
    """A program does not return its own arguments."""
    block, size = candidate_block(name, 16, 1, False), (4, 4, 16)
    state = programs.shapes(block, Rule.ALL, UPDATE, size)
    x = jax.ShapeDtypeStruct((BATCH, *size), jnp.bfloat16)
    with compiling_for(platform):
        _, _, pullback = jax.eval_shape(
            lambda state, x: programs.forward.__wrapped__(state, x, False), state, x
        )
    layers = (part.layer for part in trace(block, size).layers)
    outputs = (layer.out_size for layer in layers if isinstance(layer, Conv))
    most = BATCH * sum(math.prod(size) for size in outputs)
    saved = sum(leaf.size for leaf in jax.tree.leaves(pullback.saved))
    # Statistics are a few numbers per channel.
    assert saved <= most + x.size / BATCH


@given(
    st.tuples(*4 * [st.integers(1, 5)]) | st.tuples(*2 * [st.integers(1, 5)]),
    st.sampled_from(["cpu", "tpu"]),
)
def test_what_is_stored_is_loaded_as_it_was(
    shape: tuple[int, ...], platform: str
) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    with compiling_for(platform):
        stored = store(x)
    assert isinstance(stored, Stored) == (platform == "tpu" and len(shape) == 4)
    np.testing.assert_array_equal(load(stored), x)


@pytest.mark.slow
def test_a_chain_is_trained_as_on_a_cpu() -> None:
    chain = candidate(("Stem", "MaxPool", "Inception", "BottleneckGrouped"), 16, 2, 10)
    images = np.random.default_rng(0).normal(size=(BATCH, 8, 8, 3))
    x, labels = jnp.asarray(images, jnp.float32), jnp.arange(BATCH)
    rules = (Rule.NOTHING,) + (Rule.ALL,) * (len(chain.blocks) - 1)

    def trained() -> tuple[jax.Array, list[jax.Array]]:
        # Otherwise JAX would reuse traces for the other platform.
        jax.clear_caches()
        states = by_block.start(chain, rules, UPDATE, (8, 8, 3), jax.random.key(0))
        states, loss = by_block.step(UPDATE, states, x, labels)
        logits = x
        for state in states:
            logits = programs.infer(state, logits)
        return logits, [loss, *(state.trained for state in states)]

    theirs = trained()
    with compiling_for("tpu"):
        ours = trained()
    jax.clear_caches()
    for mine, other in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True):
        assert np.linalg.norm(mine - other) <= 2e-5 * np.linalg.norm(other) + 1e-7
