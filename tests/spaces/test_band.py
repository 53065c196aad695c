"""Spaces within a band of arithmetic."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.spaces.band import banded
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.spaces.contract import check_networks
from gpt_nas_jax.strategies.creation import create
from gpt_nas_jax.types import UsageError

WHOLE = BlockSpace((8, 8, 3), 10, min_depth=3, max_depth=6, width=16, num_stages=2)
LOW, HIGH = 1e6, 2e6
BAND = banded(WHOLE, LOW, HIGH)


@functools.cache
def samples() -> np.ndarray:
    return np.asarray(BAND.sample(jax.random.key(0), 64))


def within(genomes: np.ndarray) -> np.ndarray:
    """By building each network."""
    costs = [cost(WHOLE.decode(genome), WHOLE.image).flops for genome in genomes]
    return (np.array(costs) >= LOW) & (np.array(costs) <= HIGH)


def test_flops_are_those_of_the_networks():
    genomes = np.asarray(WHOLE.sample(jax.random.key(1), 20))
    built = [cost(WHOLE.decode(genome), WHOLE.image).flops for genome in genomes]
    np.testing.assert_allclose(WHOLE.flops(genomes), built, rtol=1e-6)


def test_samples_lie_within_and_differ():
    assert within(samples()).all()
    assert len(np.unique(samples(), axis=0)) > 60


def test_it_is_a_space_of_networks():
    check_networks("the band", BAND)


_crossover, _mutate, _neighbour = (
    jax.jit(jax.vmap(vary)) for vary in (BAND.crossover, BAND.mutate, BAND.neighbour)
)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_variation_stays_within(seed: int):
    genomes = samples()
    keys = jax.random.split(jax.random.key(seed), len(genomes))
    children = _crossover(keys, genomes, genomes[::-1])
    mutants = _mutate(keys, genomes)
    indices = jax.random.randint(keys[0], (len(keys),), 0, BAND.num_neighbours)
    neighbours, exist = _neighbour(jnp.asarray(genomes), indices)
    for genomes in (children, mutants, neighbours[exist]):
        assert BAND.valid(genomes).all()


@pytest.mark.parametrize(
    "name", ["random", "genetic", "regularised_evolution", "local_search", "surrogate"]
)
def test_strategies_ask_for_nothing_outside(name: str):
    strategy = create(name, BAND, evaluations=40, population=10, batch=5)
    key = jax.random.key(3)
    state = strategy.init(key)
    ask, tell = jax.jit(strategy.ask), jax.jit(strategy.tell)
    for turn in range(4):
        candidates = ask(jax.random.fold_in(key, turn), state)
        assert within(np.asarray(candidates.genomes)).all()
        fitness = candidates.genomes.sum(-1).astype(jnp.float32)
        state = tell(state, candidates, fitness)


def test_without_bounds_it_is_the_space_itself():
    assert banded(WHOLE, 0, 0) is WHOLE


def test_an_empty_band_is_refused_with_what_there_is():
    with pytest.raises(UsageError, match=r"leave no network: .* random ones have \d"):
        banded(WHOLE, 1e12, 0)


def test_a_space_that_does_not_count_is_refused():
    with pytest.raises(UsageError, match="method flops; CategoricalSpace has none"):
        banded(CategoricalSpace((("a", "b"),)), 1, 2)
