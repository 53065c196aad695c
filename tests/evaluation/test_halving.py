"""Successive halving: survivors and fitness."""

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from gpt_nas_jax.evaluation import halving

accuracies = st.integers(0, 1000).map(lambda n: n / 1000)
batches = st.lists(st.just(-math.inf) | accuracies, min_size=1, max_size=30)


@given(batches, st.integers(2, 4))
def test_the_best_of_those_that_did_not_fail_go_on(batch: list[float], keep: int):
    found = halving.survivors(dict(enumerate(batch)), keep)
    whole = sorted((a for a in batch if a >= 0), reverse=True)
    due = whole[: max(1, len(whole) // keep)]
    assert sorted((batch[index] for index in found), reverse=True) == due
    assert found == sorted(found)


@st.composite
def climbs(draw: st.DrawFn) -> list[dict[int, float]]:
    """The accuracies at three rungs, each of which a candidate may fail."""
    alive = list(range(draw(st.integers(1, 27))))
    rungs = []
    for _ in range(3):
        rung = {index: draw(st.just(-math.inf) | accuracies) for index in alive}
        rungs.append(rung)
        alive = halving.survivors(rung, 3)
    return [rung for rung in rungs if rung]


@given(climbs())
def test_fitness_is_ordered_by_rung(rungs: list[dict[int, float]]):
    found = halving.fitness(rungs)
    assert found.keys() == rungs[0].keys()
    for index in rungs[-1]:
        assert found[index] == rungs[-1][index]
    for lower, upper in itertools.pairwise(rungs):
        stopped = [i for i in lower if i not in upper]
        ahead = [found[i] for i in upper if math.isfinite(found[i])]
        for index in stopped:
            assert all(found[index] < value for value in ahead)
        for first in stopped:
            for second in stopped:
                if lower[first] > lower[second]:
                    assert found[first] >= found[second]


def test_fitness_is_the_last_accuracy_and_below_those_that_went_on():
    rungs = [{0: 0.5, 1: 0.6, 2: 0.3, 3: -math.inf}, {0: 0.4, 1: 0.9}, {1: 0.95}]
    found = halving.fitness(rungs)
    assert (found[1], found[0], found[2], found[3]) == (0.95, 0.4, 0.3, -math.inf)
    rungs[0][2] = 0.45
    assert 0.39 < halving.fitness(rungs)[2] < 0.4


def test_with_several_objectives_a_candidate_that_stopped_may_be_the_more_accurate():
    rungs = [{0: 0.9, 1: 0.5}, {1: 0.6}]
    assert halving.fitness(rungs)[0] < 0.6
    assert halving.fitness(rungs, ordered=False)[0] == 0.9
