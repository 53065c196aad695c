"""Ranks within a pool, and selection by rank."""

import math

import hypothesis
import numpy as np
from hypothesis import strategies as st

from gpt_nas_jax.evaluation import ranks

SCORE = st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 2.0])
PAIRS = st.lists(st.tuples(SCORE, SCORE), min_size=1, max_size=9)


@hypothesis.given(networks=PAIRS, pool=PAIRS)
def test_fitness_is_the_mean_logarithm_of_ranks(
    networks: list[tuple[float, float]], pool: list[tuple[float, float]]
):
    expected = []
    for network in networks:
        logs = []
        for score, others in zip(network, zip(*pool, strict=True), strict=True):
            rank = 1.0
            for other in others:
                rank += 1.0 if other < score else 0.5 if other == score else 0.0
            logs.append(math.log(rank / (1 + len(pool))))
        lacks = -math.inf in network
        expected.append(-math.inf if lacks else sum(logs) / len(logs))
    found = ranks.fitness(np.array(networks), np.array(pool))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (found <= 0).all()


def test_the_best_of_all_has_fitness_0_and_one_bad_rank_weighs_much():
    pool = np.stack([np.arange(63.0), np.arange(63.0)], -1)
    top, even, uneven = ranks.fitness(np.array([[99, 99], [31, 31], [99, -1]]), pool)
    assert top == 0
    # Both have the same mean rank.
    assert uneven < even


def test_a_single_score_is_the_fitness():
    scores = np.array([[3.5], [-math.inf], [-2.0]])
    np.testing.assert_array_equal(
        ranks.fitness(scores, np.zeros((0, 1))), [3.5, -math.inf, -2.0]
    )


def test_repeated_networks_come_behind_and_failures_last():
    fitness = np.array([1.0, -np.inf, 3.0, 3.0, 2.0, 3.0])
    repeated = np.array([False, False, False, True, False, True])
    assert ranks.best(fitness, repeated, 6).tolist() == [2, 4, 0, 3, 5, 1]
    assert ranks.best(fitness, repeated, 2).tolist() == [2, 4]
