"""Fitness of candidates that are scored, not trained."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.evaluation.evaluator import GIB, Candidate
from gpt_nas_jax.evaluation.scored import ScoredEvaluator, Scorer, draw
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.training.footprint import estimated_peak
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule

SPACE = BlockSpace((8, 8, 1), 10, min_depth=2, max_depth=3, width=16, num_stages=1)
GENOMES = [SPACE.genome(names) for names in (("Stem",) * 2, ("Conv",) * 3)]
NO_POOL = np.zeros((0, 1))


@pytest.fixture(scope="module")
def splits() -> images.Splits:
    dataset = registry.load("digits", "")
    return images.split(dataset, jax.random.key(0), 0.15, None)


def scorer(splits: images.Splits, *names: str, max_memory: float = 4.0) -> Scorer:
    moments = splits.mean, splits.std
    batches = draw(splits.train, *moments, 8, jax.random.key(2))
    return Scorer(SPACE, names, batches, max_memory, jax.random.key(3))


def candidate(genome: np.ndarray, seed: int = 1) -> Candidate:
    return Candidate(genome, np.zeros(len(genome), bool), jax.random.key(seed))


@pytest.mark.parametrize("genome", GENOMES)
def test_by_one_proxy_fitness_is_its_score(splits: images.Splits, genome: np.ndarray):
    result = ScoredEvaluator(scorer(splits, "params"), NO_POOL)(candidate(genome))
    params = cost(SPACE.decode(genome), SPACE.image).params
    assert (result.fitness, result.reason) == (params, None)
    assert result.scores == {"params": params}


def test_by_several_fitness_compares_with_the_reference(splits: images.Splits):
    of_two = scorer(splits, "params", "flops")
    pool = np.stack([of_two(genome)[0] for genome in GENOMES])
    evaluator = ScoredEvaluator(of_two, pool)
    first, second = (evaluator(candidate(genome)) for genome in GENOMES)
    # Each candidate ties with itself in the pool.
    ranks = (1 + (pool < pool[:, None]).sum(1) + 0.5) / 3
    np.testing.assert_allclose(
        [first.fitness, second.fitness], np.log(ranks).mean(-1), rtol=1e-12
    )
    assert list(first.scores.values()) == pool[0].tolist()


def test_a_genome_gets_one_score_whatever_its_key(splits: images.Splits):
    evaluator = ScoredEvaluator(scorer(splits, "grad_norm"), NO_POOL)
    first, second = (evaluator(candidate(GENOMES[1], seed)) for seed in (1, 2))
    assert math.isfinite(first.fitness)
    assert first.fitness == second.fitness


def test_too_large_a_candidate_has_no_score(splits: images.Splits):
    small = scorer(splits, "params", max_memory=1e-6)
    result = ScoredEvaluator(small, NO_POOL)(candidate(GENOMES[0]))
    assert result.fitness == result.scores["params"] == -math.inf
    assert "--eval_max_memory" in result.reason


def test_the_memory_of_both_batches_counts(splits: images.Splits):
    chain = SPACE.decode(GENOMES[0])
    rules = (Rule.ALL,) * len(chain.blocks)
    update = optimizer(Recipe(epochs=1), 1)
    one = estimated_peak(chain, rules, update, SPACE.image, 8, "float32") / GIB
    for limit, fits in ((1.5 * one, False), (2.5 * one, True)):
        _, reason = scorer(splits, "params", max_memory=limit).of_network(chain)
        assert (reason is None) == fits


def test_what_a_network_raises_is_a_reason(splits: images.Splits):
    no_genome = np.full(SPACE.length, 99, np.int32)
    scores, reason = scorer(splits, "params")(no_genome)
    assert scores.tolist() == [-math.inf]
    assert "Error" in reason


def raises(chain: Any, images: Any, labels: Any, key: Any) -> float:
    raise KeyError("absent")


def test_a_proxy_that_fails_leaves_the_scores_of_the_others(splits: images.Splits):
    of_three = scorer(splits, "params", f"{__name__}:raises", "flops")
    scores, reason = of_three(GENOMES[0])
    total = cost(SPACE.decode(GENOMES[0]), SPACE.image)
    assert scores.tolist() == [total.params, -math.inf, total.flops]
    assert "absent" in reason
    result = ScoredEvaluator(of_three, scores[None])(candidate(GENOMES[0]))
    assert (result.fitness, result.reason) == (-math.inf, reason)


def test_batches_are_different_normalised_images(splits: images.Splits):
    half = len(splits.train) // 2
    everything = draw(splits.train, splits.mean, splits.std, half, jax.random.key(0))
    assert everything.images.shape == (2, half, 8, 8, 1)
    assert everything.images.dtype == jnp.float32
    scaled = (splits.train.images / 255 - splits.mean) / splits.std
    rows = np.asarray(everything.images).reshape(2 * half, -1)
    expected = np.float32(scaled).reshape(-1, rows.shape[1])
    # All images, in another order, each with its label.
    order, known = np.lexsort(rows.T), np.lexsort(expected.T)
    np.testing.assert_allclose(rows[order], expected[known], atol=1e-5)
    labels = np.asarray(everything.labels).ravel()
    np.testing.assert_array_equal(labels[order], splits.train.labels[known])
