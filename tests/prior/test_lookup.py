"""Precomputed proposals against the models that make them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from prior_support import SPACES, sample, small_prior

from gpt_nas_jax.prior import lookup
from gpt_nas_jax.prior.lookup import LookupPrior
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.reconstruct import reconstruct
from gpt_nas_jax.strategies.genetic import Genetic
from gpt_nas_jax.strategies.gpt_nas import GptNas
from gpt_nas_jax.tokens.reading import read
from gpt_nas_jax.types import Space

Case = tuple[Space, Prior, LookupPrior]


@functools.cache
def made(name: str) -> Case:
    """A space, a small prior, and its precomputed proposals."""
    prior = small_prior(name)
    return SPACES[name], prior, lookup.work_out(prior)


@pytest.fixture(params=SPACES)
def case(request: pytest.FixtureRequest) -> Case:
    return made(request.param)


@jax.jit
def walked(prior: Prior, genomes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The contexts before all positions, and which of these can be eliminated."""
    table = prior.table

    def walk(genome: jax.Array) -> jax.Array:
        contexts = [table.start(genome)]
        for position in table.positions[:-1]:
            contexts.append(read(table, contexts[-1], genome, position))
        return jnp.stack(contexts)

    can = jax.vmap(table.eliminable)(genomes)[:, np.array(table.positions)]
    return jax.vmap(walk)(genomes), can


def test_every_context_of_a_cell_is_precomputed(case: Case):
    space, prior, _ = case
    contexts, can = walked(prior, sample(space, jax.random.key(0), 3000))
    found = np.unique(np.asarray(contexts)[np.asarray(can)], axis=0)
    known = prior.table.contexts()
    assert len(np.unique(known, axis=0)) == len(known)
    both = np.unique(np.concatenate([known, found]), axis=0)
    assert len(both) == len(known)


def test_proposals_are_as_likely_as_those_of_the_models(case: Case):
    space, prior, known = case
    contexts, can = walked(prior, sample(space, jax.random.key(1), 8))
    asked = jnp.asarray(contexts)[np.asarray(can)]
    shares = [np.asarray(shares_of(one, asked)) for one in (prior, known)]
    np.testing.assert_allclose(*shares, atol=1e-5)
    np.testing.assert_allclose(shares[0].sum(-1), 1, rtol=1e-5)
    # The context matters.
    assert np.ptp(shares[0], axis=0).max() > 0.08


@jax.jit
def shares_of(prior: Prior | LookupPrior, contexts: jax.Array) -> jax.Array:
    """Probabilities of the genes after each context."""
    return jax.nn.softmax(prior.logits(contexts))


@pytest.mark.parametrize(
    "name", ["nasbench201", pytest.param("nasbench101", marks=pytest.mark.slow)]
)
def test_gaps_are_filled_alike(name: str):
    space, _, known = made(name)
    genomes = sample(space, jax.random.key(3), 32)
    result, proposed = jax.jit(reconstruct)(known, jax.random.key(4), genomes, 1.0)
    allowed = jax.vmap(known.table.eliminable)(genomes)
    np.testing.assert_array_equal(proposed, allowed)
    assert np.asarray(space.valid(result)).all()


def test_a_strategy_may_use_them():
    space, _, known = made("nasbench201")
    strategy = GptNas(Genetic(space, 8, 32, 0.9, 0.3), 0.4, 4, known)
    state = strategy.init(jax.random.key(5))
    candidates = jax.jit(GptNas.ask)(strategy, jax.random.key(6), state)
    assert np.asarray(space.valid(candidates.genomes)).all()
    assert 0 < np.asarray(candidates.proposed).sum() < candidates.proposed.size


def test_hundreds_of_thousands_of_contexts_have_codes_of_their_own():
    contexts = np.random.default_rng(0).integers(0, 3, (300_000, 16), np.int32)
    contexts = np.unique(contexts, axis=0)
    factors, codes = lookup._distinct_codes(contexts)
    assert factors.shape == (2, 16)
    assert len(np.unique(codes, axis=0)) == len(contexts)
