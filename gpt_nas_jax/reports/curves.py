"""Many searches on a tabular benchmark: curves, and statistics over seeds."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy

from gpt_nas_jax.evaluation.tabular import incumbents

COUNTS = (10, 25, 50, 75, 100, 150, 192, 300)
"""The queries at which searches are compared."""

AGAINST = ("local_search", "surrogate", "genetic")
"""The strategies that the others are tested against."""

_TOLERANCE = 1e-6
# Table entries have far fewer digits; unrounded, equal differences would differ in
# their last bit and not count as ties.
_DECIMALS = 9


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """The searches of several strategies on one data set, with the same seeds.

    Attributes:
      dataset: whose accuracies the table holds.
      accuracy: strategy -> ``float64[S, Q]``, accuracy in % of the incumbent
        after each query; a row is the same seed for every strategy.
      reached: strategy -> ``int64[S]``, the first query, from 1, that evaluated the
        optimum, the cell that the selection ranks first; 0 if none did. Empty if the
        optimum is unknown.
      highest: the highest accuracy in the table, in %; if the optimum is unknown, the
        highest seen by any search.
      optimum: the accuracy, in %, of the optimum, or None.
      selection: the measure that selects the incumbent, such as "validation accuracy".
      measure: the accuracy that is reported.
    """

    dataset: str
    accuracy: Mapping[str, np.ndarray]
    reached: Mapping[str, np.ndarray]
    highest: float
    optimum: float | None
    selection: str
    measure: str = "test accuracy"

    @property
    def seeds(self) -> int:
        """S, the number of searches of each strategy."""
        return next(iter(self.accuracy.values())).shape[0]

    @property
    def queries(self) -> int:
        """Q, the number of queries of each search."""
        return next(iter(self.accuracy.values())).shape[1]


@dataclasses.dataclass(frozen=True)
class Summary:
    """Accuracy of a strategy after a number of queries, in %, over the seeds.

    ``std`` divides by S - 1; with one seed it and ``standard_error`` are nan.
    """

    strategy: str
    queries: int
    mean: float
    std: float
    standard_error: float
    seeds: int


@dataclasses.dataclass(frozen=True)
class Paired:
    """A strategy compared with another, paired by seed, after a number of queries.

    ``difference`` is the mean of the strategy minus ``against`` in percentage points;
    the others are two-sided p-values. With one seed that of the t-test is nan, unless
    the difference is zero.
    """

    strategy: str
    against: str
    queries: int
    difference: float
    t_test: float
    wilcoxon: float
    seeds: int


@dataclasses.dataclass(frozen=True)
class ToOptimum:
    """How often one strategy evaluated the optimum, and when.

    ``median`` and ``mean`` count queries, over the seeds that did; nan if none did.
    """

    strategy: str
    share: float
    median: float
    mean: float


def of_searches(
    dataset: str,
    rows: Mapping[str, np.ndarray],
    fitness: np.ndarray,
    test: np.ndarray,
    selection: str,
    valid: np.ndarray | None = None,
) -> Curves:
    """Computes the curves of searches from the accuracies of a benchmark.

    A query for a network that the benchmark lacks changes nothing.

    Args:
      dataset: whose accuracies these are.
      rows: strategy -> ``int32[S, Q]``, as of `tabular.searches`.
      fitness: ``float64[N]``, selects the incumbent.
      test: ``float64[N]``, accuracies on the test images in %.
      selection: the name of ``fitness``, such as "validation accuracy".
      valid: ``bool[N]``, the networks that a search may ask for; default: all.
    """
    valid = np.ones(len(fitness), bool) if valid is None else valid
    best = int(np.argmax(np.where(valid, fitness, -np.inf)))
    accuracy, reached = {}, {}
    for name, evaluated in rows.items():
        values = np.where(evaluated >= 0, fitness[evaluated], -np.inf)
        chosen = np.take_along_axis(evaluated, incumbents(values), axis=1)
        accuracy[name] = np.where(chosen >= 0, test[chosen], 0.0)
        hits = evaluated == best
        reached[name] = np.where(hits.any(1), hits.argmax(1) + 1, 0)
    highest = float(test[valid].max())
    return Curves(dataset, accuracy, reached, highest, float(test[best]), selection)


def of_values(
    dataset: str, values: Mapping[str, np.ndarray], selection: str, measure: str
) -> Curves:
    """Computes the curves of searches from the accuracies at each query.

    Args:
      dataset: whose accuracies these are.
      values: strategy -> ``float32[S, Q, 2]``, in [0, 1]: the accuracy that
        selects the incumbent, and the one reported; -inf for failures.
      selection: the name of the former.
      measure: the name of the latter.
    """
    accuracy, highest = {}, 0.0
    for name, kept in values.items():
        exact = 100 * kept.astype(np.float64)
        chosen = incumbents(exact[..., 0])
        found = np.take_along_axis(exact[..., 1], chosen, axis=1)
        accuracy[name] = np.where(np.isfinite(found), found, 0.0)
        highest = max(highest, float(exact[..., 1].max()))
    return Curves(dataset, accuracy, {}, highest, None, selection, measure)


def check(curves: Curves) -> None:
    """Checks curves against the benchmark that they were computed from.

    Raises:
      ValueError: an accuracy is nan or above the table's highest by more than
        1e-6, the arrays of the strategies do not fit each other, or ``reached`` names a
        query that was never made.
    """
    name = curves.dataset
    shapes = {strategy: array.shape for strategy, array in curves.accuracy.items()}
    if len(set(shapes.values())) != 1 or len(shapes[min(shapes)]) != 2:
        raise ValueError(f"{name}: accuracies are not all [S, Q]: {shapes}")
    if curves.optimum is not None and set(curves.reached) != set(shapes):
        raise ValueError(
            f"{name}: accuracy has the strategies {sorted(shapes)}, reached has "
            f"{sorted(curves.reached)}"
        )
    if curves.optimum is not None and not curves.optimum <= curves.highest + _TOLERANCE:
        raise ValueError(
            f"{name}: optimum {curves.optimum} is above the highest, {curves.highest}"
        )
    for strategy, accuracy in curves.accuracy.items():
        # Written so that nan also fails.
        wrong = np.argwhere(~(accuracy <= curves.highest + _TOLERANCE))
        if len(wrong):
            seed, query = wrong[0]
            raise ValueError(
                f"{name}: {strategy}, seed {seed}, query {query + 1}: accuracy "
                f"{accuracy[seed, query]} is not at most {curves.highest}, the highest "
                "in the table"
            )
        if curves.optimum is None:
            continue
        reached = curves.reached[strategy]
        if (
            reached.shape != (curves.seeds,)
            or not ((reached >= 0) & (reached <= curves.queries)).all()
        ):
            raise ValueError(
                f"{name}: {strategy}: reached is not one of 0 to {curves.queries} for "
                f"each of {curves.seeds} seeds"
            )


def listed(counts: Sequence[int], queries: int) -> list[int]:
    """Those of ``counts`` in 1 to ``queries``, ascending; without any, ``queries``."""
    return sorted({count for count in counts if 1 <= count <= queries}) or [queries]


def std(accuracy: np.ndarray) -> np.ndarray:
    """``[S, ...] -> [...]``: standard deviation over seeds; nan with one seed."""
    if len(accuracy) < 2:
        return np.full(accuracy.shape[1:], math.nan)
    return accuracy.std(axis=0, ddof=1)


def standard_error(accuracy: np.ndarray) -> np.ndarray:
    """``[S, ...] -> [...]``: standard error of the mean over seeds; nan with one."""
    return std(accuracy) / math.sqrt(len(accuracy))


def summary(curves: Curves, counts: Sequence[int]) -> list[Summary]:
    """Mean and spread of every strategy at each of ``listed(counts, Q)``."""
    rows = []
    for strategy, accuracy in curves.accuracy.items():
        for count in listed(counts, curves.queries):
            values = accuracy[:, count - 1]
            rows.append(
                Summary(
                    strategy=strategy,
                    queries=count,
                    mean=float(values.mean()),
                    std=float(std(values)),
                    standard_error=float(standard_error(values)),
                    seeds=curves.seeds,
                )
            )
    return rows


def paired(curves: Curves, against: str, count: int) -> list[Paired]:
    """Tests every other strategy against one after ``count`` queries.

    The tests are the paired t-test and Wilcoxon's signed-rank test, both two-sided and
    without a correction for their number; p is 1 where no seed differs.
    """
    theirs = curves.accuracy[against][:, count - 1]
    rows = []
    for strategy, accuracy in curves.accuracy.items():
        if strategy == against:
            continue
        ours = accuracy[:, count - 1]
        t_test, wilcoxon = p_values(ours, theirs)
        rows.append(
            Paired(
                strategy=strategy,
                against=against,
                queries=count,
                difference=float((ours - theirs).mean()),
                t_test=t_test,
                wilcoxon=wilcoxon,
                seeds=curves.seeds,
            )
        )
    return rows


def p_values(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Two-sided p of the paired t-test and of the signed-rank test, ``float64[S]``."""
    differences = np.round(ours - theirs, _DECIMALS)
    if not differences.any():
        return 1.0, 1.0
    wilcoxon = float(scipy.stats.wilcoxon(differences).pvalue)
    return t_test(ours, theirs), wilcoxon


def t_test(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Two-sided p of the paired t-test, ``float64[S]``.

    It is nan with one seed, and if all differences are equal but not 0.
    """
    differences = np.round(ours - theirs, _DECIMALS)
    if not differences.any():
        return 1.0
    if np.ptp(differences) == 0:
        return math.nan
    return float(scipy.stats.ttest_rel(ours, theirs).pvalue)


def to_optimum(curves: Curves) -> list[ToOptimum]:
    """How often and when each strategy reached the optimum."""
    rows = []
    for strategy, reached in curves.reached.items():
        found = reached[reached > 0]
        rows.append(
            ToOptimum(
                strategy=strategy,
                share=len(found) / len(reached),
                median=float(np.median(found)) if len(found) else math.nan,
                mean=float(found.mean()) if len(found) else math.nan,
            )
        )
    return rows
