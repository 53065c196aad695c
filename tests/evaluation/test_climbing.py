"""Candidates that climb rungs, resumed from memory or retrained from their key."""

import dataclasses

import jax
import numpy as np
import pytest

from gpt_nas_jax.config import EvalConfig, EvalRecipe
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.evaluation.climbing import Climb, ClimbingEvaluator
from gpt_nas_jax.evaluation.kept import Kept
from gpt_nas_jax.evaluation.trained import Candidate, TrainedEvaluator
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.types import Evaluation

SPACE = BlockSpace((8, 8, 1), 10, min_depth=2, max_depth=3, width=16, num_stages=1)
RECIPE = EvalRecipe(
    epochs=4, rungs="1,3,4", batch=64, learning_rate=0.05, schedule="linear", pad=1
)
GENOME = SPACE.genome(("Stem", "Stem"))


@pytest.fixture(scope="module")
def evaluator() -> TrainedEvaluator:
    splits = images.split(registry.load("digits", ""), jax.random.key(0), 0.15, 300)
    return TrainedEvaluator(SPACE, splits, EvalConfig(recipe=RECIPE))


def climbed(climbing: ClimbingEvaluator, rung: int, key: int = 1) -> Evaluation:
    candidate = Candidate(GENOME, np.ones(len(GENOME), bool), jax.random.key(key))
    return climbing(Climb(candidate, rung))


def test_rungs_are_one_training_in_parts(evaluator: TrainedEvaluator):
    climbing = ClimbingEvaluator(evaluator)
    parts = [climbed(climbing, rung) for rung in range(3)]
    assert [len(part.accuracies) for part in parts] == [1, 2, 1]
    assert [part.rungs for part in parts] == [1, 2, 3]
    candidate = Candidate(GENOME, np.ones(len(GENOME), bool), jax.random.key(1))
    whole = evaluator(candidate)
    assert sum((part.accuracies for part in parts), ()) == whole.accuracies
    assert parts[-1].fitness == whole.fitness


def test_another_worker_comes_to_the_same_accuracies(evaluator: TrainedEvaluator):
    climbing = ClimbingEvaluator(evaluator)
    kept = [climbed(climbing, rung) for rung in range(3)]
    for rung in (1, 2):
        again = climbed(ClimbingEvaluator(evaluator), rung)
        assert again.accuracies == kept[rung].accuracies


def test_weights_of_another_key_are_not_resumed(evaluator: TrainedEvaluator):
    climbing = ClimbingEvaluator(evaluator)
    climbed(climbing, 0, key=2)
    found = climbed(climbing, 1, key=1).accuracies
    assert found == climbed(ClimbingEvaluator(evaluator), 1, key=1).accuracies


def test_a_rung_goes_on_from_kept_weights(
    evaluator: TrainedEvaluator, monkeypatch: pytest.MonkeyPatch
):
    clock = iter(range(10**6))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))

    def limited(seconds: float) -> ClimbingEvaluator:
        config = dataclasses.replace(evaluator.config, max_seconds=seconds)
        return ClimbingEvaluator(dataclasses.replace(evaluator, config=config))

    climbing = limited(1e6)
    climbed(climbing, 0)
    resumed, anew = climbed(climbing, 1), climbed(limited(1e6), 1)
    assert resumed.accuracies == anew.accuracies
    # The clock ticks with every step, and the first rung is not climbed again.
    assert resumed.seconds < anew.seconds
    assert "--eval_max_seconds" in climbed(limited(3), 0).reason


def test_the_oldest_weights_give_way_when_memory_is_full():
    kept = Kept(most=3 * 80)
    for name in "abcd":
        kept.put(name, {"w": np.full(10, ord(name), np.int64)})
    assert kept.take("a") is None
    assert kept.take("b")["w"].tolist() == [ord("b")] * 10
    assert kept.take("b") is None
    kept.put("e", np.zeros(10, np.int64))
    assert kept.take("c") is not None


def test_the_time_limit_applies_to_each_rung_even_if_weights_are_gone(
    evaluator: TrainedEvaluator, monkeypatch: pytest.MonkeyPatch
):
    expected = climbed(ClimbingEvaluator(evaluator), 1).accuracies
    clock = iter(range(10**6))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    # Four steps lead to the first rung and eight to the second.
    limit = dataclasses.replace(evaluator.config, max_seconds=10)
    limited = ClimbingEvaluator(dataclasses.replace(evaluator, config=limit))
    found = climbed(limited, 1)
    assert (found.reason, found.accuracies) == (None, expected)
