"""Variation of chains: the possible children and their frequencies."""

import dataclasses
import functools
import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.types import PAD

SPACE = BlockSpace((8, 8, 1), 10, min_depth=4, max_depth=8, width=16, num_stages=2)
SEEDS = st.integers(0, 2**32 - 1)
CHAINS = st.lists(
    st.integers(0, SPACE.num_genes - 1),
    min_size=SPACE.min_depth,
    max_size=SPACE.max_depth,
)

Chain = tuple[int, ...]

valid = jax.jit(SPACE.valid)


def _space(shortest: int) -> BlockSpace:
    return dataclasses.replace(SPACE, min_depth=shortest, num_stages=1)


def padded(chain: Chain | list[int]) -> np.ndarray:
    return np.array([*chain, *[PAD] * (SPACE.max_depth - len(chain))], np.int32)


def chains(genomes: jax.Array) -> list[Chain]:
    """The genes of valid genomes, without the padding."""
    assert valid(genomes).all()
    return [tuple(g for g in genome if g != PAD) for genome in genomes.tolist()]


@functools.partial(jax.jit, static_argnums=3)
@functools.partial(jax.vmap, in_axes=(0, None, None, None))
def crossed(key, first, second, shortest):
    return _space(shortest).crossover(key, first, second)


@functools.partial(jax.jit, static_argnums=2)
@functools.partial(jax.vmap, in_axes=(0, None, None))
def mutated(key, genome, shortest):
    return _space(shortest).mutate(key, genome)


def joins(first: Chain, second: Chain) -> set[Chain]:
    """All fronts of the first, each joined to the second from the same fraction on."""
    return {
        first[:front] + second[math.floor(front * len(second) / len(first) + 0.5) :]
        for front in range(len(first) + 1)
    }


def neighbours(chain: Chain, shortest: int) -> set[Chain]:
    """All chains of allowed depth, one replacement, insertion or removal away."""
    genes, depth = range(SPACE.num_genes), len(chain)
    places = range(depth)
    found = {(*chain[:p], g, *chain[p + 1 :]) for p in places for g in genes}
    if depth < SPACE.max_depth:
        found |= {(*chain[:p], g, *chain[p:]) for p in range(depth + 1) for g in genes}
    if depth > shortest:
        found |= {(*chain[:p], *chain[p + 1 :]) for p in places}
    return found


@hypothesis.given(seed=SEEDS, first=CHAINS, second=CHAINS)
def test_a_child_is_a_front_of_one_and_a_back_of_the_other(
    seed: int, first: list[int], second: list[int]
):
    keys = jax.random.split(jax.random.key(seed), 8)
    children = crossed(keys, padded(first), padded(second), SPACE.min_depth)
    assert children.dtype == np.int32
    assert set(chains(children)) <= joins(tuple(first), tuple(second))


@pytest.mark.parametrize(
    ("depths", "shortest"),
    [((4, 4), 4), ((4, 8), 4), ((8, 4), 4), ((8, 8), 4), ((5, 7), 4), ((8, 8), 8)],
)
def test_every_join_of_two_chains_occurs(depths: tuple[int, int], shortest: int):
    first, second = tuple(range(depths[0])), tuple(range(14, 14 - depths[1], -1))
    keys = jax.random.split(jax.random.key(0), 4000)
    children = crossed(keys, padded(first), padded(second), shortest)
    assert set(chains(children)) == joins(first, second)


@hypothesis.given(seed=SEEDS, chain=CHAINS)
def test_a_mutant_is_one_edit_away(seed: int, chain: list[int]):
    keys = jax.random.split(jax.random.key(seed), 8)
    mutants = mutated(keys, padded(chain), SPACE.min_depth)
    assert mutants.dtype == np.int32
    allowed = neighbours(tuple(chain), SPACE.min_depth)
    assert set(chains(mutants)) <= allowed


@pytest.mark.parametrize("depth", [4, 6, 8])
def test_every_edit_that_the_depth_allows_occurs(depth: int):
    chain = tuple(range(depth))
    keys = jax.random.split(jax.random.key(0), 10_000)
    mutants = mutated(keys, padded(chain), SPACE.min_depth)
    assert set(chains(mutants)) == neighbours(chain, SPACE.min_depth)


@pytest.mark.parametrize(
    ("depth", "shares"), [(4, (0, 2, 1)), (6, (1, 1, 1)), (8, (1, 2, 0))]
)
def test_kinds_of_edits_are_equally_likely(depth: int, shares: tuple[int, int, int]):
    keys = jax.random.split(jax.random.key(1), 9000)
    mutants = mutated(keys, padded(range(depth)), SPACE.min_depth)
    longer = np.array([len(mutant) - depth for mutant in chains(mutants)])
    counts = np.bincount(longer + 1, minlength=3)
    np.testing.assert_allclose(counts / 9000, np.array(shares) / 3, atol=0.02)


@functools.partial(jax.jit, static_argnums=1)
def edits(genome, shortest):
    space = _space(shortest)
    indices = jnp.arange(space.num_neighbours)
    return jax.vmap(space.neighbour, (None, 0))(genome, indices)


@hypothesis.given(chain=CHAINS)
def test_numbered_neighbours_are_all_single_edits(chain: list[int]):
    genomes, exist = edits(padded(chain), SPACE.min_depth)
    found = chains(genomes[np.asarray(exist)])
    assert {*found, tuple(chain)} == neighbours(tuple(chain), SPACE.min_depth)
