"""Estimated memory against that reported by XLA's CPU compiler."""

import dataclasses

import jax
import numpy as np
import pytest

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.footprint import BlockFootprint, estimated_peak, peak
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule

IMAGE, BATCH = (16, 16, 3), 32
UPDATE = optimizer(Recipe(epochs=1, batch=BATCH), 1)
NAMES = ("Stem", "BasicBlock", "MaxPool", "BottleneckGrouped", "InvertedResidual")
CHAIN = candidate(NAMES, 16, 2, 10)


def estimate_of(chain: Chain, *rules: Rule, dtype: str = "float32") -> int:
    return estimated_peak(chain, rules, UPDATE, IMAGE, BATCH, dtype)


def all_of(chain: Chain) -> tuple[Rule, ...]:
    return (Rule.ALL,) * len(chain.blocks)


def compiled(chain: Chain) -> int:
    """The peak computed from the sizes that the compiler reports."""
    found, size = [], IMAGE
    for number, block in enumerate(chain.blocks):
        state = programs.shapes(block, Rule.ALL, UPDATE, size)
        x = jax.ShapeDtypeStruct((BATCH, *size), np.float32)
        forward = programs.forward.lower(state, x, number == 0)
        y, stats, pullback = forward.out_info
        backward = programs.backward.lower(UPDATE, pullback, state, x, y)
        analysis = forward.compile().memory_analysis()
        out = analysis.output_size_in_bytes
        found.append(
            BlockFootprint(
                state=sum(leaf.nbytes for leaf in jax.tree.leaves(zeros(state))),
                x=zeros(x).nbytes,
                y=zeros(y).nbytes,
                saved=out - zeros(y).nbytes - zeros(stats).nbytes,
                space=backward.compile().memory_analysis().temp_size_in_bytes,
                trains=True,
            )
        )
        size = trace(block, size).out_size
    return peak(found)


def zeros(tree: object) -> object:
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), tree)


@pytest.mark.slow
def test_is_within_a_quarter_of_what_the_compiler_says() -> None:
    ours, theirs = estimate_of(CHAIN, *all_of(CHAIN)), compiled(CHAIN)
    assert abs(ours / theirs - 1) <= 0.25


def test_blocks_below_the_lowest_trained_one_keep_nothing() -> None:
    last = (Rule.NOTHING,) * len(NAMES) + (Rule.ALL,)
    assert estimate_of(CHAIN, *last) < estimate_of(CHAIN, *all_of(CHAIN)) / 3


def test_half_the_bytes_a_number_take_half_the_memory() -> None:
    small = estimate_of(CHAIN, *all_of(CHAIN), dtype="bfloat16")
    assert small == pytest.approx(estimate_of(CHAIN, *all_of(CHAIN)) / 2, rel=0.1)


def test_the_peak_is_where_most_is_kept_or_most_space_is_needed() -> None:
    small = BlockFootprint(state=5, x=10, y=10, saved=20, space=3, trains=True)
    # Each block keeps 30; two gradients of 10 and the space of the last are added.
    assert peak([small, small]) == 2 * 10 + 60 + 20 + 3
    large = dataclasses.replace(small, space=100)
    assert peak([large, small]) == 2 * 10 + 30 + 20 + 100
    frozen = dataclasses.replace(large, trains=False)
    assert peak([frozen, small]) == 2 * 10 + 30 + 20 + 3
