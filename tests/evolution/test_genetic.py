"""The genetic algorithm as init, ask and tell."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.evolution.genetic import Genetic, PopulationState
from gpt_nas_jax.spaces.blocks import BlockSpace
from gpt_nas_jax.types import PAD, Candidates

SPACE = BlockSpace((8, 8, 1), 10, min_depth=4, max_depth=8, width=16, num_stages=2)
STRATEGY = Genetic(SPACE, population=12, crossover_rate=0.9, mutation_rate=0.3)
GENERATIONS = 15
WANTED = 3

init, ask, tell = map(jax.jit, (STRATEGY.init, STRATEGY.ask, STRATEGY.tell))


def share(genomes: jax.Array) -> jax.Array:
    """A fitness without training: the share of one block in each chain."""
    return (genomes == WANTED).sum(-1) / (genomes != PAD).sum(-1)


@functools.partial(jax.jit, static_argnums=0)
@functools.partial(jax.vmap, in_axes=(None, 0))
def search(strategy: Genetic, key: jax.Array) -> tuple[PopulationState, jax.Array]:
    """A whole search: the states after each generation and all that was asked."""

    def generation(state, key):
        candidates = strategy.ask(key, state)
        state = strategy.tell(state, candidates, share(candidates.genomes))
        return state, (state, candidates.genomes)

    init_key, key = jax.random.split(key)
    keys = jax.random.split(key, GENERATIONS)
    return jax.lax.scan(generation, strategy.init(init_key), keys)[1]


@pytest.fixture(scope="module")
def searches() -> tuple[PopulationState, jax.Array]:
    """Twenty searches at once, ``[20, GENERATIONS, ...]``."""
    return search(STRATEGY, jax.random.split(jax.random.key(0), 20))


@pytest.fixture(scope="module")
def told() -> PopulationState:
    """A population that was told a generation."""
    state = init(jax.random.key(0))
    candidates = ask(jax.random.key(1), state)
    return tell(state, candidates, share(candidates.genomes))


def test_init_is_a_valid_population_of_unknown_fitness():
    state = init(jax.random.key(0))
    assert state.genomes.shape == (12, 8)
    assert SPACE.valid(state.genomes).all()
    assert np.isneginf(state.fitness).all()
    assert state.fitness.dtype == np.float32
    assert state.generation == 0


def test_generation_0_asks_the_initial_population():
    state = init(jax.random.key(0))
    candidates = ask(jax.random.key(5), state)
    np.testing.assert_array_equal(candidates.genomes, state.genomes)
    assert not candidates.proposed.any()


def test_all_that_is_asked_is_valid(searches: tuple[PopulationState, jax.Array]):
    states, asked = searches
    assert SPACE.valid(asked).all()
    assert SPACE.valid(states.genomes).all()


def test_generations_are_counted(searches: tuple[PopulationState, jax.Array]):
    expected = np.tile(np.arange(1, GENERATIONS + 1), (20, 1))
    np.testing.assert_array_equal(searches[0].generation, expected)


def test_fitness_belongs_to_the_genome_and_never_falls(
    searches: tuple[PopulationState, jax.Array],
):
    states, _ = searches
    np.testing.assert_array_equal(states.fitness, share(states.genomes))
    # The fittest first, and no rank of a population ever worsens.
    assert (np.diff(states.fitness, axis=-1) <= 0).all()
    assert (np.diff(states.fitness, axis=1) >= 0).all()


def test_children_come_from_parents(told: PopulationState):
    only = Genetic(SPACE, 12, crossover_rate=0.0, mutation_rate=0.0)
    children = only.ask(jax.random.key(2), told).genomes
    parents = {tuple(genome) for genome in told.genomes.tolist()}
    assert {tuple(genome) for genome in children.tolist()} <= parents


def test_every_child_is_crossed_at_rate_1():
    # No cut of two such chains gives back either of the other kind alone.
    genomes = jnp.full((12, 8), 5).at[:6].set(7)
    state = PopulationState(genomes, jnp.zeros(12), jnp.int32(1))
    only = Genetic(SPACE, 12, crossover_rate=1.0, mutation_rate=0.0)
    children = jax.jit(only.ask)(jax.random.key(0), state).genomes
    mixed = (children == 5).any(1) & (children == 7).any(1)
    assert mixed.any()
    assert np.isin(children, [5, 7, PAD]).all()


def test_every_child_mutates_at_rate_1():
    genomes = jnp.full((12, 8), 5)
    state = PopulationState(genomes, jnp.zeros(12), jnp.int32(1))
    only = Genetic(SPACE, 12, crossover_rate=0.0, mutation_rate=1.0)
    keys = jax.random.split(jax.random.key(0), 100)
    children = jax.jit(jax.vmap(only.ask, (0, None)))(keys, state).genomes
    changed = (children != 5).sum(-1)
    assert changed.max() == 1
    # One replacement of 15 puts the same block back; two of three edits replace.
    assert np.isclose((changed == 0).mean(), 2 / 3 / 15, atol=0.02)


@hypothesis.given(
    fitness=st.lists(
        st.sampled_from([-np.inf, 0.0, 0.25, 0.5, 1.0]), min_size=12, max_size=12
    )
)
def test_tell_keeps_the_best_of_survivors_and_candidates(
    told: PopulationState, fitness: list[float]
):
    candidates = ask(jax.random.key(7), told)
    values = np.array(fitness, np.float32)
    after = tell(told, candidates, values)
    pool = [*zip(values.tolist(), candidates.genomes.tolist(), strict=True)]
    pool += zip(told.fitness.tolist(), told.genomes.tolist(), strict=True)
    pool.sort(key=lambda individual: -individual[0])
    assert after.fitness.tolist() == [value for value, _ in pool[:12]]
    assert after.genomes.tolist() == [genome for _, genome in pool[:12]]


def test_failures_never_displace_survivors(told: PopulationState):
    candidates = ask(jax.random.key(3), told)
    after = tell(told, candidates, np.full(12, -np.inf, np.float32))
    np.testing.assert_array_equal(after.genomes, told.genomes)
    np.testing.assert_array_equal(after.fitness, told.fitness)
    assert after.generation == told.generation + 1


def test_a_generation_of_failures_leaves_a_valid_population():
    state = init(jax.random.key(0))
    failed = Candidates(state.genomes, jnp.zeros(state.genomes.shape, bool))
    after = tell(state, failed, np.full(12, -np.inf, np.float32))
    assert SPACE.valid(ask(jax.random.key(1), after).genomes).all()


def test_the_key_decides_everything(told: PopulationState):
    one, same, other = (
        ask(jax.random.key(seed), told).genomes.tolist() for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other
    assert init(jax.random.key(1)).genomes.tolist() != init(
        jax.random.key(2)
    ).genomes.tolist()


def test_searches_are_the_same_alone_and_side_by_side(
    searches: tuple[PopulationState, jax.Array],
):
    keys = jax.random.split(jax.random.key(0), 20)
    alone = search(STRATEGY, keys[4:5])[1][0]
    np.testing.assert_array_equal(alone, searches[1][4])


def test_search_beats_random_sampling_of_equal_budget(
    searches: tuple[PopulationState, jax.Array],
):
    budget = STRATEGY.population * GENERATIONS
    keys = jax.random.split(jax.random.key(1), 20)
    sampled = jax.vmap(lambda key: share(SPACE.sample(key, budget)).max())(keys)
    found = searches[0].fitness[:, -1, 0]
    assert (found > sampled).sum() >= 18
