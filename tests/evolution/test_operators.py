"""Variation and selection: what children can be, and how often."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.evolution import operators
from gpt_nas_jax.spaces.blocks import BlockSpace
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


def padded(chain: Chain | list[int]) -> np.ndarray:
    return np.array([*chain, *[PAD] * (SPACE.max_depth - len(chain))], np.int32)


def chains(genomes: jax.Array) -> list[Chain]:
    """The genes in front of the padding, and nothing behind it."""
    assert valid(genomes).all()
    return [tuple(g for g in genome if g != PAD) for genome in genomes.tolist()]


@functools.partial(jax.jit, static_argnums=3)
@functools.partial(jax.vmap, in_axes=(0, None, None, None))
def crossed(key, first, second, shortest):
    return operators.crossover(key, first, second, shortest)


@functools.partial(jax.jit, static_argnums=2)
@functools.partial(jax.vmap, in_axes=(0, None, None))
def mutated(key, genome, shortest):
    return operators.mutate(key, genome, shortest, SPACE.num_genes)


@functools.partial(jax.jit, static_argnums=1)
@functools.partial(jax.vmap, in_axes=(0, None))
def winners(key, fitness):
    return operators.tournament(key, jnp.array(fitness))


def joins(first: Chain, second: Chain, shortest: int) -> set[Chain]:
    """All fronts of the first joined to all backs of the second, of allowed depth."""
    children = (
        first[:front] + second[back:]
        for front in range(len(first) + 1)
        for back in range(len(second) + 1)
    )
    return {c for c in children if shortest <= len(c) <= SPACE.max_depth}


def neighbours(chain: Chain, shortest: int) -> set[Chain]:
    """All chains one replacement, insertion or removal away, of allowed depth."""
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
    allowed = joins(tuple(first), tuple(second), SPACE.min_depth)
    assert set(chains(children)) <= allowed


@pytest.mark.parametrize(
    ("depths", "shortest"),
    [((4, 4), 4), ((4, 8), 4), ((8, 4), 4), ((8, 8), 4), ((5, 7), 4), ((8, 8), 8)],
)
def test_every_join_of_two_chains_occurs(depths: tuple[int, int], shortest: int):
    first, second = tuple(range(depths[0])), tuple(range(14, 14 - depths[1], -1))
    keys = jax.random.split(jax.random.key(0), 4000)
    children = crossed(keys, padded(first), padded(second), shortest)
    assert set(chains(children)) == joins(first, second, shortest)


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


@pytest.mark.parametrize(
    "fitness",
    [
        (0.1, 0.4, 0.2, 0.3),
        (-np.inf, 0.5, 0.0),
        (0.7, -np.inf),
        (-0.3, -0.1, -0.2),
    ],
)
def test_the_better_of_every_pair_wins(fitness: tuple[float, ...]):
    keys = jax.random.split(jax.random.key(0), 20_000)
    wins = np.bincount(winners(keys, fitness), minlength=len(fitness))
    pairs = [(a, b) for a in range(len(fitness)) for b in range(len(fitness))]
    better = [max(pair, key=lambda index: fitness[index]) for pair in pairs]
    expected = np.bincount(better, minlength=len(fitness)) / len(pairs)
    np.testing.assert_allclose(wins / len(keys), expected, atol=0.015)


def test_a_tournament_of_failures_has_a_winner():
    keys = jax.random.split(jax.random.key(0), 500)
    assert set(winners(keys, (-np.inf,) * 3).tolist()) == {0, 1, 2}


@hypothesis.given(data=st.data())
def test_best_are_the_first_of_the_stable_order(data: st.DataObject):
    values = st.sampled_from([-np.inf, -1.0, 0.0, 0.25, 0.5, 1.0])
    fitness = np.array(data.draw(st.lists(values, min_size=6, max_size=6)), np.float32)
    count = data.draw(st.integers(1, 6))
    genomes = np.arange(12, dtype=np.int32).reshape(6, 2)
    order = sorted(range(6), key=lambda index: -fitness[index])[:count]
    kept, kept_fitness = operators.best(genomes, fitness, count)
    np.testing.assert_array_equal(kept, genomes[order])
    np.testing.assert_array_equal(kept_fitness, fitness[order])
