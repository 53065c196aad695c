"""Statistics of searches against SciPy and explicit sums."""

import dataclasses
import itertools
import math
import statistics

import numpy as np
import pytest
import scipy.stats
from curves_support import HIGHEST, curves

from gpt_nas_jax.reports.curves import (
    COUNTS,
    Curves,
    check,
    listed,
    of_searches,
    paired,
    summary,
    to_optimum,
)
from gpt_nas_jax.types import UsageError


def of(**accuracy: list[list[float]]) -> Curves:
    """Curves with given accuracies, none of which reaches the optimum."""
    arrays = {name: np.array(rows) for name, rows in accuracy.items()}
    reached = {name: np.zeros(len(rows), int) for name, rows in accuracy.items()}
    return Curves("cifar100", arrays, reached, 100.0, 99.0, "validation accuracy")


def test_summary_is_mean_and_spread_over_the_seeds():
    many = curves(seeds=5, queries=60)
    rows = {(row.strategy, row.queries): row for row in summary(many, COUNTS)}
    assert list(rows) == list(itertools.product(many.accuracy, (10, 25, 50)))
    for (strategy, count), row in rows.items():
        values = [float(curve[count - 1]) for curve in many.accuracy[strategy]]
        assert row.mean == pytest.approx(statistics.fmean(values))
        assert row.std == pytest.approx(statistics.stdev(values))
        assert row.standard_error == pytest.approx(scipy.stats.sem(values))
        assert row.seeds == 5


def test_one_seed_has_no_spread():
    for row in summary(curves(seeds=1), COUNTS):
        assert math.isfinite(row.mean)
        assert math.isnan(row.std)
        assert math.isnan(row.standard_error)


@pytest.mark.parametrize(
    ("counts", "queries", "left"),
    [
        ((10, 25, 50), 25, [10, 25]),
        ((50, 10, 10), 60, [10, 50]),
        ((10, 25), 6, [6]),
        ((0, 4), 6, [4]),
    ],
)
def test_counts_beyond_the_last_query_are_left_out(
    counts: tuple[int, ...], queries: int, left: list[int]
):
    assert listed(counts, queries) == left


def test_paired_tests_agree_with_scipy():
    many = curves(seeds=9)
    rows = paired(many, "random", 50)
    assert [row.strategy for row in rows] == ["regularized_evolution", "gpt_nas_online"]
    theirs = many.accuracy["random"][:, 49]
    for row in rows:
        ours = many.accuracy[row.strategy][:, 49]
        assert (row.against, row.queries, row.seeds) == ("random", 50, 9)
        assert row.difference == pytest.approx(ours.mean() - theirs.mean())
        assert row.t_test == pytest.approx(scipy.stats.ttest_rel(ours, theirs).pvalue)
        assert row.wilcoxon == pytest.approx(scipy.stats.wilcoxon(ours, theirs).pvalue)


def test_paired_tests_agree_with_sums_written_out():
    differences = np.array([0.5, -0.1, 0.7, 0.3, 0.2])
    row, *_ = paired(of(a=[[90.0]] * 5, b=(90 + differences)[:, None]), "a", 1)
    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(5))
    assert row.t_test == pytest.approx(2 * scipy.stats.t.sf(t, 4))
    # The only negative difference has rank 1. In two of 32 sign patterns, the negative
    # ranks sum to at most 1: none is negative, or only the first. In two others, the
    # positive ranks do.
    assert row.wilcoxon == pytest.approx(4 / 32)


def test_differences_equal_in_the_table_are_ties():
    theirs = np.array([93.12, 91.37, 92.81, 90.05, 91.99, 92.3])
    steps = np.array([0.1, 0.1, -0.1, 0.1, 0.1, 0.2])
    row, *_ = paired(of(a=theirs[:, None], b=(theirs + steps)[:, None]), "a", 1)
    assert row.wilcoxon == scipy.stats.wilcoxon(steps).pvalue


@pytest.mark.parametrize("seeds", [1, 4])
def test_no_difference_has_p_one(seeds: int):
    row, *_ = paired(of(a=[[90.0]] * seeds, b=[[90.0]] * seeds), "a", 1)
    assert (row.difference, row.t_test, row.wilcoxon) == (0, 1, 1)


@pytest.mark.filterwarnings("error")
def test_equal_differences_have_no_t_test():
    row, *_ = paired(of(a=[[90.1], [95.3]], b=[[90.4], [95.6]]), "a", 1)
    assert math.isnan(row.t_test)
    assert row.wilcoxon == 0.5


@pytest.mark.filterwarnings("error")
def test_one_seed_has_no_t_test():
    row, *_ = paired(of(a=[[90.0]], b=[[91.0]]), "a", 1)
    assert math.isnan(row.t_test)
    assert row.wilcoxon == 1


def test_queries_to_the_optimum_are_of_the_seeds_that_reached_it():
    reached = {"a": np.array([0, 30, 10, 11]), "b": np.array([0, 0, 0, 0])}
    zeros = {name: np.zeros((4, 40)) for name in reached}
    some, none = to_optimum(Curves("cifar10", zeros, reached, 95.0, 94.0, "accuracy"))
    assert dataclasses.astuple(some) == ("a", 0.75, 11, 17)
    assert (none.strategy, none.share) == ("b", 0)
    assert math.isnan(none.median)
    assert math.isnan(none.mean)


@pytest.mark.parametrize("value", [HIGHEST + 1e-4, math.nan])
def test_accuracies_above_the_table_are_named(value: float):
    many = curves()
    many.accuracy["gpt_nas_online"][3, 41] = value
    message = r"gpt_nas_online, seed 3, query 42: .* the highest in the table"
    with pytest.raises(ValueError, match=message) as found:
        check(many)
    assert not isinstance(found.value, UsageError)


def test_rounding_above_the_highest_passes():
    many = curves()
    many.accuracy["random"][0, 0] = HIGHEST + 5e-7
    check(many)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimum": HIGHEST + 1}, "optimum"),
        ({"accuracy": {}, "reached": {}}, "accuracies"),
        ({"accuracy": {"a": np.zeros((2, 3)), "b": np.zeros((3, 3))}}, "accuracies"),
        ({"reached": {"random": np.zeros(6, int)}}, "strategies"),
    ],
)
def test_arrays_that_do_not_go_together_are_refused(
    changes: dict[str, object], message: str
):
    with pytest.raises(ValueError, match=message):
        check(dataclasses.replace(curves(), **changes))


@pytest.mark.parametrize("reached", [-1, 121])
def test_queries_that_were_never_made_are_refused(reached: int):
    many = curves()
    many.reached["random"][2] = reached
    with pytest.raises(ValueError, match="random: reached"):
        check(many)


def test_the_optimum_is_among_the_networks_that_a_search_may_ask_for():
    fitness, test = np.array([70.0, 90.0, 80.0]), np.array([71.0, 88.0, 81.0])
    rows = {"random": np.array([[0, 2, -1]])}
    every = of_searches("cifar10", rows, fitness, test, "validation accuracy")
    assert (every.optimum, every.highest) == (88.0, 88.0)
    assert every.reached["random"].tolist() == [0]
    valid = np.array([True, False, True])
    some = of_searches("cifar10", rows, fitness, test, "validation accuracy", valid)
    assert (some.optimum, some.highest) == (81.0, 81.0)
    assert some.reached["random"].tolist() == [2]
