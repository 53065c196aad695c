"""Networks are evaluated once, however often they are asked for."""

from collections.abc import Iterator, Sequence

import jax
import numpy as np
import pytest

from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.stages.remembered import Remembered
from gpt_nas_jax.types import Evaluation, UsageError

SPACE = CategoricalSpace((("a", "b", "c"),) * 2)
KEY = jax.random.key(0)


class Evaluator:
    """Counts what it evaluates; fails for genomes that begin with 2."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, items: Sequence[Candidate]) -> Iterator[Evaluation]:
        for item in items:
            self.asked.append(item.genome.tolist())
            if item.genome[0] == 2:
                yield Evaluation(-np.inf, "too large", 1.0)
            else:
                yield Evaluation(float(item.genome.sum()), None, 1.0, 5, 6)


def candidates(*genomes: tuple[int, int], proposed: bool = False) -> list[Candidate]:
    chosen = np.full(2, proposed)
    return [Candidate(np.array(genome, np.int32), chosen, KEY) for genome in genomes]


def test_a_network_is_evaluated_once():
    evaluator, kept = Evaluator(), Remembered(SPACE, ruled=False)
    first = [*kept.evaluate(evaluator, candidates((0, 1), (1, 1), (0, 1)))]
    assert [(e.fitness, e.seconds) for e in first] == [(1, 1), (2, 1), (1, 0)]
    again = [*kept.evaluate(evaluator, candidates((1, 1), (1, 2), proposed=True))]
    assert [(e.fitness, e.seconds) for e in again] == [(2, 0), (3, 1)]
    assert again[0].params == 5
    assert evaluator.asked == [[0, 1], [1, 1], [1, 2]]


def test_a_failure_is_tried_again_in_another_generation():
    evaluator, kept = Evaluator(), Remembered(SPACE, ruled=False)
    for _ in range(2):
        found = [*kept.evaluate(evaluator, candidates((2, 0), (2, 0)))]
        assert [e.reason for e in found] == ["too large"] * 2
    assert evaluator.asked == [[2, 0]] * 2


@pytest.mark.parametrize(("ruled", "times"), [(True, 2), (False, 1)])
def test_what_is_proposed_counts_where_rules_depend_on_it(ruled: bool, times: int):
    evaluator, kept = Evaluator(), Remembered(SPACE, ruled)
    for proposed in (False, True):
        [*kept.evaluate(evaluator, candidates((0, 1), proposed=proposed))]
    assert len(evaluator.asked) == times


def test_an_error_after_the_last_result_is_raised():
    def too_many(items: Sequence[Candidate]) -> Iterator[Evaluation]:
        yield from Evaluator()(items)
        raise UsageError("too many")

    kept = Remembered(SPACE, ruled=False)
    with pytest.raises(UsageError, match="too many"):
        [*kept.evaluate(too_many, candidates((0, 1), (0, 1)))]


def test_a_ledger_is_read():
    evaluator, kept = Evaluator(), Remembered(SPACE, ruled=True)
    line = {"genome": [0, 1], "fitness": 0.5, "params": 7, "flops": 8}
    kept.read([{**line, "proposed": [1]}, {**line, "genome": [1, 1], "fitness": None}])
    asked = [Candidate(np.array([0, 1], np.int32), np.array([True, False]), KEY)]
    (found,) = kept.evaluate(evaluator, asked)
    assert (found.fitness, found.params, found.flops) == (0.5, 7, 8)
    assert not evaluator.asked
