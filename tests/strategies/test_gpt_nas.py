"""The genetic algorithm with blocks proposed by a prior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from prior_support import CHAINS, small_prior

from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.prior.controls import uniform
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.spaces.limits import Limit, limited
from gpt_nas_jax.strategies.genetic import Genetic, PopulationState
from gpt_nas_jax.strategies.gpt_nas import GptNas
from gpt_nas_jax.strategies.history import empty
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.types import PAD, Candidates, Genome

SPACE = CHAINS
GENETIC = Genetic(SPACE, 6, queries=24, crossover_rate=0.9, mutation_rate=0.3)
GENERATIONS = 4


@jax.jit
def pools(
    strategy: GptNas, key: jax.Array, state: PopulationState
) -> tuple[Candidates, Genome]:
    """The reconstructed pool, and the genetic algorithm's pool for its key."""
    genetic_key, _ = jax.random.split(key)
    plain = strategy.genetic.pool(genetic_key, state).genomes
    pool = strategy.pool(key, state)
    return jax.tree.map(lambda part: part[: len(plain)], pool), plain


@jax.jit
def ask(strategy: GptNas, key: jax.Array, state: PopulationState) -> Candidates:
    """The candidates of GPT-NAS."""
    return strategy.ask(key, state)


@pytest.fixture(scope="module")
def prior() -> Prior:
    """An untrained prior with a small vocabulary."""
    modules = [SPACE.block(name, 1, False) for name in ("Conv", "MaxPool", "BatchNorm")]
    layers = [layers_of(module, SPACE.in_size(1, False)) for module in modules]
    words = vocabulary.build([map(vocabulary.word, part) for part in layers])
    return small_prior("chains", words)


@pytest.fixture(scope="module")
def state() -> PopulationState:
    """Survivors of one generation, with depths 4 to 8."""
    genes = np.arange(48).reshape(6, 8) % SPACE.num_genes
    depths = np.array([4, 5, 6, 7, 8, 8])[:, None]
    genomes = jnp.array(np.where(np.arange(8) < depths, genes, PAD), jnp.int32)
    fitness = jnp.linspace(0.9, 0.1, 6)
    history = empty(SPACE, 24).add(SPACE, genomes, fitness)
    return PopulationState(genomes, fitness, jnp.int32(1), history)


def at(state: PopulationState, generation: int) -> PopulationState:
    return state.replace(generation=jnp.int32(generation))


@pytest.mark.slow
def test_a_rejected_reconstruction_is_replaced_by_the_original(
    prior: Prior, state: PopulationState
) -> None:
    """The genetic algorithm respects the limits; the prior does not know them."""
    space = limited(SPACE, [Limit("flops", 6e5, 7e5)])
    strategy = GptNas(GENETIC.replace(space=space), 1.0, GENERATIONS, prior)
    candidates = jax.jit(lambda key: strategy.ask(key, state))(jax.random.key(5))
    assert space.valid(candidates.genomes).all()
    assert not np.asarray(candidates.proposed).all(1).all()


@pytest.mark.slow
@pytest.mark.parametrize("generation", [0, 1])
def test_without_elimination_it_is_the_genetic_algorithm(
    prior: Prior, state: PopulationState, generation: int
):
    strategy = GptNas(GENETIC, 0.0, GENERATIONS, prior)
    candidates, plain = pools(strategy, jax.random.key(3), at(state, generation))
    np.testing.assert_array_equal(candidates.genomes, plain)
    assert not candidates.proposed.any()


def test_nothing_is_eliminated_at_the_end(prior: Prior, state: PopulationState):
    strategy = GptNas(GENETIC, 1.0, GENERATIONS, prior)
    candidates, plain = pools(strategy, jax.random.key(3), at(state, GENERATIONS))
    np.testing.assert_array_equal(candidates.genomes, plain)
    assert not candidates.proposed.any()


def test_at_rate_1_every_block_is_proposed_and_no_padding(
    prior: Prior, state: PopulationState
):
    strategy = GptNas(GENETIC, 1.0, GENERATIONS, prior)
    candidates, plain = pools(strategy, jax.random.key(3), at(state, 0))
    np.testing.assert_array_equal(candidates.proposed, plain != PAD)
    assert SPACE.valid(candidates.genomes).all()
    assert (candidates.genomes != plain).any()


def test_proposals_replace_blocks_at_the_rate_of_the_generation(
    prior: Prior, state: PopulationState
):
    strategy = GptNas(GENETIC, 0.8, GENERATIONS, prior)
    shares = []
    for generation in (1, 2):
        proposed = []
        for seed in range(15):
            now = at(state, generation)
            candidates, plain = pools(strategy, jax.random.key(seed), now)
            genomes, before = map(np.asarray, (candidates.genomes, plain))
            real, kept = before != PAD, ~np.asarray(candidates.proposed)
            # The depth stays, and so do all blocks that are not proposed.
            np.testing.assert_array_equal(genomes != PAD, real)
            np.testing.assert_array_equal(genomes[kept], before[kept])
            assert (kept | real).all()
            proposed.append(~kept[real])
        shares.append(np.concatenate(proposed).mean())
    # Eq. 3: 0.8 less a quarter of it, and less half of it.
    np.testing.assert_allclose(shares, [0.6, 0.4], atol=0.05)


@pytest.mark.slow
def test_no_network_is_asked_twice(prior: Prior, state: PopulationState):
    strategy = GptNas(GENETIC, 0.8, GENERATIONS, prior)
    first = ask(strategy, jax.random.key(0), state)
    told = strategy.tell(state, first, jnp.linspace(0.0, 1.0, 6))
    second = ask(strategy, jax.random.key(0), told)
    asked = np.concatenate([first.genomes, second.genomes])
    assert len(np.unique(asked, axis=0)) == 12


@pytest.mark.slow
def test_init_and_tell_are_those_of_the_genetic_algorithm(
    prior: Prior, state: PopulationState
):
    strategy = GptNas(GENETIC, 0.4, GENERATIONS, prior)
    key = jax.random.key(0)
    np.testing.assert_array_equal(strategy.init(key).genomes, GENETIC.init(key).genomes)
    candidates = ask(strategy, key, state)
    fitness = jnp.linspace(0.0, 1.0, 6)
    after = strategy.tell(state, candidates, fitness)
    pool = [*zip(fitness.tolist(), candidates.genomes.tolist(), strict=True)]
    pool += zip(state.fitness.tolist(), state.genomes.tolist(), strict=True)
    pool.sort(key=lambda individual: -individual[0])
    assert after.genomes.tolist() == [genome for _, genome in pool[:6]]
    assert after.generation == state.generation + 1


@pytest.mark.long
def test_the_most_promising_of_several_drafts_are_evaluated():
    """One block is good at every position, which the surrogate soon learns."""

    def best(key: jax.Array, drafts: int) -> jax.Array:
        strategy = GptNas(GENETIC, 0.8, GENERATIONS, uniform(SPACE), drafts=drafts)
        keys = jax.random.split(key, 2 * GENERATIONS)
        state = strategy.init(keys[0])
        for number in range(GENERATIONS):
            candidates = strategy.ask(keys[2 * number + 1], state)
            fitness = (candidates.genomes == 3).mean(-1)
            state = strategy.tell(state, candidates, fitness)
        return state.fitness[0]

    keys = jax.random.split(jax.random.key(0), 16)
    of_one, of_four = (
        jax.jit(jax.vmap(lambda k, n=n: best(k, n)))(keys) for n in (1, 4)
    )
    assert of_four.mean() > of_one.mean() + 0.05
