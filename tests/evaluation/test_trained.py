"""Fitness of trained candidates, and of those that fail."""

import dataclasses
import math
from typing import Any

import jax
import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from gpt_nas_jax.config import EvalConfig, EvalRecipe
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.evaluation.trained import Candidate, TrainedEvaluator
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.batches import to_device
from gpt_nas_jax.training.rules import Rule

SPACE = BlockSpace((8, 8, 1), 10, min_depth=2, max_depth=3, width=16, num_stages=1)
RECIPE = EvalRecipe(epochs=6, batch=64, learning_rate=0.05, warmup_epochs=1, pad=1)
CONFIG = EvalConfig(recipe=RECIPE)
LEARNER = ("Stem", "Stem")


@pytest.fixture(scope="module")
def splits() -> images.Splits:
    dataset = registry.load("digits", "")
    return images.split(dataset, jax.random.key(0), 0.15, None)


def candidate(names: tuple[str, ...], proposed: bool = True) -> Candidate:
    genome = SPACE.genome(names)
    return Candidate(genome, np.full(len(genome), proposed), jax.random.key(1))


def test_fitness_is_an_accuracy_that_training_raises(splits: images.Splits) -> None:
    result = TrainedEvaluator(SPACE, splits, CONFIG)(candidate(LEARNER))
    assert result.reason is None
    # The accuracy is a multiple of 1/216, one per validation image, far above chance.
    assert result.fitness * len(splits.valid) == pytest.approx(
        round(result.fitness * len(splits.valid))
    )
    assert result.fitness > 0.5


def test_equal_keys_give_equal_fitness(splits: images.Splits) -> None:
    evaluator = TrainedEvaluator(SPACE, splits, CONFIG)
    first, second = evaluator(candidate(LEARNER)), evaluator(candidate(LEARNER))
    assert first.fitness == second.fitness


class Counted(images.Images):
    """Images in memory that count how often their pixels are accessed."""

    asked = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "images":
            Counted.asked += 1
        return super().__getattribute__(name)


def test_images_are_placed_once_for_all_candidates(splits: images.Splits) -> None:
    train, valid = (
        Counted(part.images, part.labels) for part in (splits.train, splits.valid)
    )
    counted = dataclasses.replace(splits, train=train, valid=valid)
    evaluator = TrainedEvaluator(SPACE, counted, CONFIG)
    Counted.asked = 0
    first = evaluator(candidate(LEARNER))
    placed = evaluator.train.here(), evaluator.valid.here()
    assert Counted.asked == 2
    second = evaluator(candidate(LEARNER))
    assert Counted.asked == 2
    assert evaluator.train.here() is placed[0]
    assert evaluator.valid.here() is placed[1]
    # The same as with images placed for this training only.
    alone = TrainedEvaluator(SPACE, splits, CONFIG)(candidate(LEARNER))
    assert first.fitness == second.fitness == alone.fitness


def test_too_large_a_candidate_fails_with_the_flag_named(
    splits: images.Splits,
) -> None:
    evaluator = TrainedEvaluator(SPACE, splits, CONFIG, max_memory=1e-6)
    result = evaluator(candidate(LEARNER))
    assert result.fitness == -math.inf
    assert "--eval_max_memory" in result.reason


def test_too_slow_a_candidate_fails_with_the_flag_named(
    splits: images.Splits,
) -> None:
    config = dataclasses.replace(CONFIG, max_seconds=1e-9)
    result = TrainedEvaluator(SPACE, splits, config)(candidate(LEARNER))
    assert result.fitness == -math.inf
    assert "--eval_max_seconds" in result.reason


@pytest.mark.parametrize(
    ("epochs", "batch", "reason"),
    # The only step breaks the weights, but its loss was computed before that.
    [(2, 64, "loss is not a number"), (1, 1222, "output is not a number")],
)
def test_what_diverges_fails(
    splits: images.Splits, epochs: int, batch: int, reason: str
) -> None:
    recipe = dataclasses.replace(RECIPE, learning_rate=1e30, epochs=epochs, batch=batch)
    config = dataclasses.replace(CONFIG, recipe=recipe)
    result = TrainedEvaluator(SPACE, splits, config)(candidate(LEARNER))
    assert result.fitness == -math.inf
    assert result.reason == reason


def test_whatever_a_candidate_raises_is_a_failure_with_its_reason(
    splits: images.Splits,
) -> None:
    # Images of a different size from the one the space was made for.
    images_ = dataclasses.replace(splits.train, images=splits.train.images[:, :4])
    broken = dataclasses.replace(splits, train=images_, mean=np.zeros(3, np.float32))
    result = TrainedEvaluator(SPACE, broken, CONFIG)(candidate(LEARNER))
    assert result.fitness == -math.inf
    assert "Error" in result.reason
    assert "\n" not in result.reason


@pytest.mark.parametrize(
    "kind", ["none", "loss", pytest.param("sampling", marks=pytest.mark.slow)]
)
def test_balanced_fitness_is_the_mean_over_classes(
    splits: images.Splits, kind: str
) -> None:
    # Imbalanced validation data: all images of classes 0 to 4, one each of 5 to 9.
    labels = splits.valid.labels
    firsts = [np.flatnonzero(labels == name)[0] for name in range(5, 10)]
    valid = splits.valid.take(np.concatenate([np.flatnonzero(labels < 5), firsts]))
    unequal = dataclasses.replace(splits, valid=valid)
    config = dataclasses.replace(CONFIG, measure="balanced_accuracy")
    found = TrainedEvaluator(SPACE, unequal, config, balance=kind)(candidate(LEARNER))
    assert found.reason is None
    # The same training by hand, measured by scikit-learn.
    train = to_device(splits.train, splits.mean, splits.std, splits.flip, balance=kind)
    data = to_device(valid, splits.mean, splits.std, splits.flip)
    chain = SPACE.decode(candidate(LEARNER).genome)
    rules = (Rule.ALL,) * len(chain.blocks)
    key = candidate(LEARNER).key
    states, _ = by_block.fit(chain, rules, RECIPE, train, key, lambda: None)
    answers = []
    for x, _ in data.plain(len(valid)):
        for state in states:
            x = programs.infer(state, x)
        answers.append(np.argmax(x, -1))
    due = balanced_accuracy_score(valid.labels, np.concatenate(answers))
    assert found.fitness == pytest.approx(due)
    assert found.accuracies[-1] == found.fitness


def test_accuracy_is_noted_after_each_epoch(splits: images.Splits) -> None:
    """Measuring along the way does not change the result."""
    evaluator = TrainedEvaluator(SPACE, splits, CONFIG)
    result = evaluator(candidate(LEARNER))
    asked = evaluator.curve(candidate(LEARNER), (3, 6), "all")
    assert len(result.accuracies) == RECIPE.epochs
    assert (result.accuracies[2], result.accuracies[5]) == asked.accuracies
    assert result.accuracies[-1] == result.fitness
