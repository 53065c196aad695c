"""Elimination and reconstruction against Algorithm 1, executed step by step."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from prior_support import small_prior, words_of_chains

from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.prior import controls
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.reconstruct import elimination_rate, reconstruct
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.tokens.reading import empty_context
from gpt_nas_jax.tokens.vocabulary import NUM_SPECIAL, word
from gpt_nas_jax.types import PAD, Genome, Key

POPULATION = 64
RATES = (0.0, 0.4, 1.0)

program = jax.jit(reconstruct, static_argnames="by_surprise")


@functools.partial(jax.jit, static_argnums=0)
def apply(model: nn.Module, params: Any, *inputs: jax.Array) -> jax.Array:
    return model.apply({"params": params}, *inputs)


def arrays(
    prior: Prior, seed: int, genomes: Genome, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    result = program(prior, jax.random.key(seed), genomes, rate)
    return np.asarray(result[0]), np.asarray(result[1])


@pytest.fixture(scope="module")
def prior() -> Prior:
    # The context is not the paper's, which is the default in many places.
    return small_prior("chains", words_of_chains(), 12)


@pytest.fixture(scope="module")
def genomes(space: BlockSpace) -> np.ndarray:
    """A population of chains of all depths."""
    genomes = np.asarray(space.sample(jax.random.key(5), POPULATION))
    assert set((genomes != PAD).sum(1)) == set(range(4, 9))
    return genomes


def test_rate_0_leaves_every_chain(prior: Prior, genomes: np.ndarray):
    result, proposed = arrays(prior, 0, genomes, 0.0)
    np.testing.assert_array_equal(result, genomes)
    assert not proposed.any()


def test_rate_1_proposes_every_block_and_no_padding(prior: Prior, genomes: np.ndarray):
    result, proposed = arrays(prior, 0, genomes, 1.0)
    np.testing.assert_array_equal(proposed, genomes != PAD)
    # The result depends on nothing of the original chain but its depth.
    other = np.where(genomes == PAD, PAD, (genomes + 4) % 15)
    np.testing.assert_array_equal(arrays(prior, 0, other, 1.0)[0], result)


@pytest.mark.parametrize("rate", RATES)
def test_chains_keep_their_depth_and_what_is_not_proposed(
    rate: float, prior: Prior, space: BlockSpace, genomes: np.ndarray
):
    result, proposed = arrays(prior, 1, genomes, rate)
    assert result.dtype == genomes.dtype and result.shape == genomes.shape
    assert np.asarray(space.valid(result)).all()
    np.testing.assert_array_equal(result == PAD, genomes == PAD)
    np.testing.assert_array_equal(result[~proposed], genomes[~proposed])
    assert not proposed[genomes == PAD].any()


def test_the_key_decides(prior: Prior, genomes: np.ndarray):
    result, proposed = arrays(prior, 2, genomes, 0.4)
    again, proposed_again = arrays(prior, 2, genomes, 0.4)
    np.testing.assert_array_equal(result, again)
    np.testing.assert_array_equal(proposed, proposed_again)
    other, proposed_other = arrays(prior, 3, genomes, 0.4)
    assert (result != other).any()
    assert (proposed != proposed_other).any()


def test_equal_chains_of_a_population_get_different_blocks(
    prior: Prior, genomes: np.ndarray
):
    twins = np.tile(genomes[:1], (POPULATION, 1))
    _, proposed = arrays(prior, 0, twins, 0.4)
    assert len(np.unique(proposed, axis=0)) > 5
    # Blocks are sampled, so the results differ even if nothing is kept.
    result, _ = arrays(prior, 0, twins, 1.0)
    assert len(np.unique(result, axis=0)) > 5


def test_a_proposal_depends_on_the_blocks_before_it_alone(
    prior: Prior, space: BlockSpace, genomes: np.ndarray
):
    result, proposed = arrays(prior, 4, genomes, 0.4)
    told = False
    for position in range(space.max_depth):
        place = np.arange(space.max_depth)
        shifted = np.where(genomes == PAD, PAD, (genomes + 7) % 15)
        later, _ = arrays(prior, 4, np.where(place >= position, shifted, genomes), 0.4)
        np.testing.assert_array_equal(later[:, :position], result[:, :position])
        # Nor does it depend on the block that it replaces.
        gone = proposed[:, position]
        np.testing.assert_array_equal(later[gone, position], result[gone, position])
        before, _ = arrays(prior, 4, np.where(place < position, shifted, genomes), 0.4)
        told |= bool((before[gone, position] != result[gone, position]).any())
    assert told


@pytest.mark.parametrize("rate", [0.1, 0.4, 0.9])
def test_the_share_of_eliminated_blocks_is_the_rate(
    rate: float, prior: Prior, genomes: np.ndarray
):
    real = genomes != PAD
    draws = [arrays(prior, seed, genomes, rate)[1] for seed in range(12)]
    # Four standard errors for this number of draws.
    error = 4 * np.sqrt(rate * (1 - rate) / (len(draws) * real.sum()))
    assert np.mean([draw[real].mean() for draw in draws]) == pytest.approx(
        rate, abs=error
    )
    # The rate is the same at every place.
    by_place = np.sum(draws, axis=(0, 1)) / (len(draws) * real.sum(0))
    np.testing.assert_allclose(by_place, rate, atol=0.1)


def algorithm_1(
    prior: Prior,
    key: Key,
    genome: np.ndarray,
    rate: float,
    read: Callable[[list[int]], np.ndarray],
    openers: np.ndarray,
) -> list[int]:
    """Reconstructs one chain, block by block.

    ``read`` returns start tokens, then the traced tokens of the blocks so far.
    ``openers`` are the tokens that a block may begin with.
    """
    depth = int((genome != PAD).sum())
    eliminate_key, propose_key = jax.random.split(key)
    gone = np.asarray(jax.random.bernoulli(eliminate_key, rate, genome.shape))
    keys = jax.random.split(propose_key, len(genome))
    chain: list[int] = []
    for position in range(depth):
        if not gone[position]:
            chain.append(int(genome[position]))
            continue
        context = read(chain)[None, -prior.gpt.context :]
        logits = apply(prior.gpt, prior.gpt_params, context)[0, -1]
        layers = jax.nn.softmax(logits[openers])
        each = np.repeat(context, len(openers), axis=0)
        blocks = jax.nn.softmax(apply(prior.fcn, prior.fcn_params, each, openers))
        shares = jnp.log(layers @ blocks)
        chain.append(int(jax.random.categorical(keys[position], shares)))
    return chain


@pytest.mark.parametrize("rate", RATES)
def test_the_program_is_algorithm_1_walked_over_traced_networks(
    rate: float,
    prior: Prior,
    space: BlockSpace,
    genomes: np.ndarray,
    spell: Callable[..., list[np.ndarray]],
):
    result, _ = arrays(prior, 6, genomes, rate)
    keys = jax.random.split(jax.random.key(6), POPULATION)
    first = [layers_of(*place)[0] for place in space.places()[:-1]]
    openers = np.unique(words_of_chains().encode(map(word, first)))
    openers = openers[openers >= NUM_SPECIAL]
    for index in range(6):
        genome = genomes[index]

        def read(chain: list[int], genome: np.ndarray = genome) -> np.ndarray:
            # Later blocks change no layer before them.
            parts = spell(space, [*chain, *genome[len(chain) :]], words_of_chains())
            front = empty_context(prior.gpt.context)
            return np.concatenate([front, *parts[: len(chain)]])

        expected = algorithm_1(prior, keys[index], genome, rate, read, openers)
        assert result[index].tolist()[: len(expected)] == expected


@pytest.mark.parametrize(
    ("generation", "rate"), [(0, 0.4), (5, 0.3), (10, 0.2), (19, 0.02), (20, 0)]
)
def test_the_rate_falls_as_in_equation_3(generation: int, rate: float):
    traced = jax.jit(elimination_rate)(0.4, generation, 20)
    assert float(traced) == pytest.approx(rate, abs=1e-6)
    assert float(elimination_rate(0.4, generation, 20)) == pytest.approx(rate)


def test_equally_likely_blocks_are_equally_surprising(
    space: BlockSpace, genomes: np.ndarray
):
    uniform = controls.uniform(space)
    keys = jax.random.key(7), genomes, 0.4
    by_coin = program(uniform, *keys)
    by_surprise = program(uniform, *keys, by_surprise=True)
    for coin, surprise in zip(by_coin, by_surprise, strict=True):
        np.testing.assert_array_equal(coin, surprise)


def test_surprising_blocks_are_eliminated_first(space: BlockSpace, genomes: np.ndarray):
    """Their rates are computed by hand."""
    shares = np.arange(1, space.num_genes + 1) / np.arange(space.num_genes + 1).sum()
    prior = controls.uniform(space).replace(genes=jnp.log(shares))
    surprise = -np.log(shares)
    expected = 0.2 * surprise / (shares * surprise).sum()
    gone = [
        program(prior, jax.random.key(seed), genomes, 0.2, by_surprise=True)[1]
        for seed in range(30)
    ]
    counts, eliminated = (
        np.array([there[genomes == block].sum() for block in range(len(shares))])
        for there in (np.ones(genomes.shape), np.mean(gone, 0))
    )
    tried = 30 * np.maximum(counts, 1)
    error = 4 * np.sqrt(expected / tried)
    assert (np.abs(eliminated / np.maximum(counts, 1) - expected) < error).all()


def test_a_share_of_proposals_is_uniform(space: BlockSpace, genomes: np.ndarray):
    """The prior is sure of one block, but is not used for half of the proposals."""
    sure = jnp.where(jnp.arange(space.num_genes) == 3, 0.0, -jnp.inf)
    prior = controls.uniform(space).replace(genes=sure)
    made, proposed = program(prior, jax.random.key(8), genomes, 1.0, 0.5)
    found = np.asarray(made)[np.asarray(proposed)]
    shares = np.bincount(found, minlength=space.num_genes) / len(found)
    expected = 0.5 * (np.arange(space.num_genes) == 3) + 0.5 / space.num_genes
    np.testing.assert_allclose(shares, expected, atol=4 / np.sqrt(len(found)))
