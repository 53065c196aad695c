"""Scores of networks as trends of a space."""

import copy
import itertools
import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.spaces.scored import scored

SPACE = NasBench201Space()
ALL = np.array([*itertools.product(range(5), repeat=6)], np.int32)
NUMBERS = np.asarray(SPACE.identity(ALL))[:, 0]
GENOMES = st.lists(st.integers(0, 4), min_size=6, max_size=6)


def scores() -> np.ndarray:
    """By network number: one column with failures, one with ties, one constant."""
    random = np.random.default_rng(0)
    first = random.normal(size=len(ALL))
    first[::7] = -math.inf
    return np.stack([first, random.integers(0, 50, len(ALL)), np.ones(len(ALL))], -1)


SCORES = scores()
SCORED = scored(SPACE, SCORES)
plain, more = jax.jit(SPACE.trends), jax.jit(SCORED.trends)


@hypothesis.given(first=GENOMES, second=GENOMES)
def test_trends_are_followed_by_ranks(first: list[int], second: list[int]):
    genomes = jnp.array([first, second])
    found = np.asarray(more(genomes))
    count = plain(genomes).shape[-1]
    np.testing.assert_array_equal(found[:, :count], plain(genomes))
    ranks = found[:, count:]
    assert ranks.shape == (2, 3)
    own = SCORES[np.asarray(SPACE.identity(genomes))[:, 0]]
    # Ranks compare as the scores do.
    for proxy in range(3):
        assert (ranks[0, proxy] < ranks[1, proxy]) == (own[0, proxy] < own[1, proxy])
        assert (ranks[0, proxy] > ranks[1, proxy]) == (own[0, proxy] > own[1, proxy])


def test_ranks_are_standardised_and_failures_lowest():
    ranks = np.asarray(more(ALL))[:, plain(ALL).shape[-1] :]
    np.testing.assert_allclose(ranks.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(ranks.std(0), [1, 1, 0], atol=1e-3)
    failed = np.isneginf(SCORES[NUMBERS, 0])
    assert len(np.unique(ranks[failed, 0])) == 1
    assert ranks[failed, 0].max() < ranks[~failed, 0].min()


def test_networks_are_ordered_by_all_scores_together():
    merits = np.asarray(SCORED.size(ALL))
    lowest = np.isneginf(SCORES[NUMBERS, 0])
    assert np.median(merits[lowest]) < np.median(merits[~lowest])
    # A network that is no worse by any score has no lower merit.
    first, second = np.random.default_rng(1).integers(0, len(ALL), (2, 2000))
    own = SCORES[NUMBERS]
    above = (own[first] >= own[second]).all(-1)
    assert above.sum() > 100
    assert (merits[first[above]] >= merits[second[above]]).all()


def test_trends_may_be_mapped():
    np.testing.assert_array_equal(jax.vmap(SCORED.trends)(ALL[:9]), more(ALL[:9]))


def test_everything_else_is_that_of_the_space():
    key = jax.random.key(0)
    np.testing.assert_array_equal(SCORED.sample(key, 5), SPACE.sample(key, 5))
    assert (SCORED.length, SCORED.num_genes) == (SPACE.length, SPACE.num_genes)


def test_spaces_with_other_scores_differ_and_can_be_copied():
    assert scored(SPACE, SCORES) != SCORED
    again = copy.copy(SCORED)
    np.testing.assert_array_equal(again.merits, SCORED.merits)
    assert again.num_genes == SPACE.num_genes
