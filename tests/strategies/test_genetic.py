"""The genetic algorithm as init, ask and tell."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.strategies.genetic import Genetic, PopulationState
from gpt_nas_jax.strategies.history import empty
from gpt_nas_jax.types import PAD, Candidates

SPACE = BlockSpace((8, 8, 1), 10, min_depth=4, max_depth=8, width=16, num_stages=2)
GENERATIONS = 15
STRATEGY = Genetic(
    SPACE,
    population=12,
    queries=12 * GENERATIONS,
    crossover_rate=0.9,
    mutation_rate=0.3,
)
WANTED = 3

init, ask, tell = map(jax.jit, (STRATEGY.init, STRATEGY.ask, STRATEGY.tell))


@jax.jit
def share(genomes: jax.Array) -> jax.Array:
    """A fitness without training: the fraction of one block in each chain."""
    return (genomes == WANTED).sum(-1) / (genomes != PAD).sum(-1)


@jax.jit
@jax.vmap
def search(key: jax.Array) -> tuple[PopulationState, jax.Array]:
    """A whole search: the states after each generation and all genomes asked."""

    def generation(state, key):
        candidates = STRATEGY.ask(key, state)
        state = STRATEGY.tell(state, candidates, share(candidates.genomes))
        return state, (state, candidates.genomes)

    init_key, key = jax.random.split(key)
    keys = jax.random.split(key, GENERATIONS)
    return jax.lax.scan(generation, STRATEGY.init(init_key), keys)[1]


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, None, None, None))
def _bred(key, state, crossover_rate, mutation_rate):
    strategy = Genetic(SPACE, 12, 12, crossover_rate, mutation_rate)
    return strategy.pool(key, state).genomes[:24]


def bred(
    state: PopulationState, crossover_rate: float, mutation_rate: float
) -> np.ndarray:
    """Many children of the same parents, ``[N, L]``."""
    keys = jax.random.split(jax.random.key(0), 150)
    children = np.asarray(_bred(keys, state, crossover_rate, mutation_rate))
    return children.reshape(-1, SPACE.max_depth)


def survivors(genomes: jax.Array) -> PopulationState:
    """A population after its first generation, all equally fit."""
    fitness = jnp.zeros(len(genomes))
    return PopulationState(genomes, fitness, jnp.int32(1), empty(SPACE, 12))


@pytest.fixture(scope="module")
def searches() -> tuple[PopulationState, jax.Array]:
    """Twenty searches at once, ``[20, GENERATIONS, ...]``."""
    return search(jax.random.split(jax.random.key(0), 20))


@pytest.fixture(scope="module")
def told() -> PopulationState:
    """A population that has been told one generation."""
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


def test_generation_0_asks_random_networks():
    state = init(jax.random.key(0))
    first, other = (ask(jax.random.key(seed), state) for seed in (5, 6))
    assert not {*map(tuple, first.genomes.tolist())} & {
        *map(tuple, other.genomes.tolist())
    }
    assert not first.proposed.any()


def test_no_network_is_asked_twice(searches: tuple[PopulationState, jax.Array]):
    for asked in np.asarray(searches[1]).reshape(20, -1, SPACE.max_depth):
        assert len(np.unique(asked, axis=0)) == len(asked)


def test_no_network_survives_twice(told: PopulationState):
    again = Candidates(told.genomes, jnp.zeros(told.genomes.shape, bool))
    after = tell(told, again, told.fitness)
    np.testing.assert_array_equal(after.genomes, told.genomes)
    np.testing.assert_array_equal(after.fitness, told.fitness)


@pytest.mark.slow
def test_a_space_that_is_used_up_is_asked_again():
    small = CategoricalSpace((("a", "b"), ("a", "b")))
    strategy = Genetic(small, 4, 12, 0.9, 0.3)
    ask, tell = jax.jit(strategy.ask), jax.jit(strategy.tell)
    state = strategy.init(jax.random.key(0))
    for generation in range(3):
        candidates = ask(jax.random.key(generation), state)
        assert len(np.unique(candidates.genomes, axis=0)) == 4 or generation
        fitness = candidates.genomes.sum(-1).astype(np.float32)
        state = tell(state, candidates, fitness)
    assert state.genomes[0].tolist() == [1, 1]


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
    # The fittest come first, and the fitness at each rank never falls.
    assert (np.diff(states.fitness, axis=-1) <= 0).all()
    assert (np.diff(states.fitness, axis=1) >= 0).all()


def test_children_come_from_parents(told: PopulationState):
    children = bred(told, crossover_rate=0.0, mutation_rate=0.0)
    parents = {tuple(genome) for genome in told.genomes.tolist()}
    assert {tuple(genome) for genome in children.tolist()} <= parents


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_crossover_rate_is_the_share_of_children_that_are_crossed(rate: float):
    # Full chains of one block each, all equally fit. The parents differ half of the
    # time; their child is then a mixture for 7 of the 9 cuts of the first parent.
    genomes = jnp.full((12, 8), 5, jnp.int32).at[:6].set(7)
    children = bred(survivors(genomes), crossover_rate=rate, mutation_rate=0.0)
    mixed = (children == 5).any(-1) & (children == 7).any(-1)
    expected = rate / 2 * 7 / 9
    assert np.isclose(mixed.mean(), expected, atol=0.02)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_mutation_rate_is_the_share_of_children_that_mutate(rate: float):
    genomes = jnp.full((12, 8), 5, jnp.int32)
    children = bred(survivors(genomes), crossover_rate=0.0, mutation_rate=rate)
    changed = (children != 5).sum(-1)
    assert changed.max() == (rate > 0)
    # Two thirds of the edits of a full chain replace a block, 1 in 15 by the same one.
    assert np.isclose((changed > 0).mean(), rate * (1 - 2 / 3 / 15), atol=0.02)


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
    assert (
        init(jax.random.key(1)).genomes.tolist()
        != init(jax.random.key(2)).genomes.tolist()
    )


def test_searches_are_the_same_alone_and_in_parallel(
    searches: tuple[PopulationState, jax.Array],
):
    init_key, key = jax.random.split(jax.random.split(jax.random.key(0), 20)[4])
    state = init(init_key)
    for step, step_key in enumerate(jax.random.split(key, GENERATIONS)):
        candidates = ask(step_key, state)
        np.testing.assert_array_equal(candidates.genomes, searches[1][4, step])
        state = tell(state, candidates, share(candidates.genomes))


def test_search_beats_random_sampling_of_equal_budget(
    searches: tuple[PopulationState, jax.Array],
):
    budget = STRATEGY.population * GENERATIONS
    sampled = SPACE.sample(jax.random.key(1), 20 * budget)
    luckiest = share(sampled).reshape(20, budget).max(1)
    found = searches[0].fitness[:, -1, 0]
    assert (found > luckiest).sum() >= 18
