"""From block names to networks: shapes, stages, and a run of every block."""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Conv
from gpt_nas_jax.networks.operations import Activation, Operation, Pool
from gpt_nas_jax.networks.trace import layers_of, trace
from gpt_nas_jax.spaces.blocks.network import (
    BLOCK_NAMES,
    candidate,
    candidate_block,
    stage_starts,
)

WIDTH, STAGES = 16, 3
IMAGE = (5, 7, 3)
SHAPE_KEEPING = {"SqueezeExcitation", "AvgPool", "MaxPool", "BatchNorm", "ReLU"}
SEEN = (nn.Conv, nn.BatchNorm, Pool, Activation, Operation)


def _is_operation(module: nn.Module, method: str) -> bool:
    return isinstance(module, SEEN) and method == "__call__"


@dataclasses.dataclass(frozen=True)
class Run:
    """A block at both places of a stage and in a second one, as one program.

    It runs on two images. ``evaluated`` and ``trained`` are the outputs in the two
    modes, each with the collections that the run changed.
    """

    chain: Chain
    variables: Any
    evaluated: tuple[jax.Array, Any]
    trained: tuple[jax.Array, Any]


@pytest.fixture(scope="module", params=BLOCK_NAMES)
def run(request: pytest.FixtureRequest, random_variables: Callable[..., Any]) -> Run:
    chain = Chain(candidate((request.param,) * 3, WIDTH, 2, 10).blocks[:-1])
    variables = random_variables(chain, IMAGE)

    @jax.jit
    def both(variables: Any, x: jax.Array) -> tuple[Any, Any]:
        evaluated = chain.apply(
            variables,
            x,
            False,
            capture_intermediates=_is_operation,
            mutable=["batch_stats", "intermediates"],
        )
        return evaluated, chain.apply(variables, x, True, mutable=["batch_stats"])

    x = np.random.default_rng(0).normal(size=(2, *IMAGE)).astype(np.float32)
    return Run(chain, variables, *both(variables, x))


def test_every_block_runs_jitted_and_stays_finite(run: Run):
    for out, _ in run.evaluated, run.trained:
        assert out.shape == (2, 3, 4, 2 * WIDTH)
        assert np.isfinite(out).all()


def test_training_moves_all_running_statistics_and_evaluation_none(run: Run):
    before = run.variables.get("batch_stats", {})
    equal = {
        mode: jax.tree.leaves(
            jax.tree.map(jnp.isclose, before, changed.get("batch_stats", {}))
        )
        for mode, (_, changed) in (("eval", run.evaluated), ("train", run.trained))
    }
    assert len(equal["eval"]) == len(equal["train"]) == len(jax.tree.leaves(before))
    assert all(leaf.all() for leaf in equal["eval"])
    assert not any(leaf.any() for leaf in equal["train"])


def test_traced_sizes_are_those_of_the_run(run: Run):
    outputs = jax.tree.leaves(run.evaluated[1]["intermediates"])
    traced = [part.layer.out_size for part in trace(run.chain, IMAGE).layers]
    assert sorted(out.shape[1:] for out in outputs) == sorted(traced)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("stage", [0, STAGES - 1])
@pytest.mark.parametrize("name", BLOCK_NAMES)
def test_every_block_gives_the_promised_shape_at_every_stage(
    name: str, stage: int, first: bool
):
    features, halves = WIDTH * 2**stage, first and stage > 0
    channels = features // 2 if halves else 3 if first else features
    block = candidate_block(name, features, 2 if halves else 1, first)
    x = jax.ShapeDtypeStruct((2, 9, 6, channels), jnp.float32)
    out, _ = jax.eval_shape(
        lambda x: block.init_with_output(jax.random.key(0), x, True), x
    )
    assert out.shape == (2, *((5, 3) if halves else (9, 6)), features)


@pytest.mark.parametrize("name", BLOCK_NAMES)
def test_equal_blocks_share_one_program(name: str):
    traced = []

    def apply(block: nn.Module, x: jax.Array) -> jax.Array:
        traced.append(block)
        return x

    program = jax.jit(apply, static_argnums=0)
    for _ in range(2):
        program(candidate_block(name, WIDTH, 1, True), jnp.zeros(1))
    assert len(traced) == 1
    program(candidate_block(name, WIDTH, 2, True), jnp.zeros(1))
    assert len(traced) == 2


@pytest.mark.parametrize("name", BLOCK_NAMES)
def test_a_projection_stands_only_in_front_of_what_keeps_its_shape(name: str):
    def pointwise(stride: int, first: bool) -> int:
        """The number of 1x1 convolutions in a block."""
        block = candidate_block(name, WIDTH, stride, first)
        found = layers_of(block, (8, 8, WIDTH))
        return sum(isinstance(x, Conv) and x.kernel == (1, 1) for x in found)

    # A residual block projects its own shortcut, and the shuffle unit its input.
    extra = pointwise(1, first=True) - pointwise(1, first=False)
    assert extra == (name in SHAPE_KEEPING)


@hypothesis.given(depth=st.integers(1, 40), num_stages=st.integers(1, 5))
def test_stages_are_nearly_equal_runs(depth: int, num_stages: int):
    hypothesis.assume(num_stages <= depth)
    starts = stage_starts(depth, num_stages)
    assert starts[0] == 0
    lengths = np.diff([*starts, depth])
    assert len(lengths) == num_stages
    assert lengths.min() >= 1
    assert np.ptp(lengths) <= 1


@hypothesis.given(
    names=st.lists(st.sampled_from(BLOCK_NAMES), min_size=3, max_size=8).map(tuple)
)
def test_widths_double_and_resolutions_halve_where_stages_start(names: tuple[str, ...]):
    chain = candidate(names, WIDTH, STAGES, 10)
    assert len(chain.blocks) == len(names) + 1
    starts = stage_starts(len(names), STAGES)
    size = (20, 13, 3)
    for position, block in enumerate(chain.blocks[:-1]):
        size = trace(block, size).out_size
        stage = sum(start <= position for start in starts) - 1
        assert size == ((20, 10, 5)[stage], (13, 7, 4)[stage], WIDTH * 2**stage)
    assert trace(chain, (20, 13, 3)).out_size == (1, 1, 10)
