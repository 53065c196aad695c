"""Contrasts between strategies, with p-values corrected for their number."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy

from gpt_nas_jax.reports.curves import Curves, listed, standard_error, t_test

CONTRASTS: Mapping[str, tuple[str, ...]] = {
    "gpt_nas": ("genetic", "uniform_refill", "unigram_refill", "ngram_refill"),
    "gpt_nas_online": ("surrogate", "local_search", "regularised_evolution"),
}
"""The strategies of this project, each with those that it should beat."""

_CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Contrast:
    """One strategy minus another, paired by seed, after a number of queries.

    Attributes:
      strategy: the first.
      against: the second.
      queries: evaluations so far.
      difference: mean over seeds, in percentage points of accuracy.
      low: lower end of its 95 % confidence interval; nan with one seed.
      high: the upper end.
      t_test: two-sided p of the paired t-test.
      holm: the same, corrected by `holm` for all contrasts of the strategy at this
        number of queries, on all data sets.
      seeds: searches of each strategy.
    """

    strategy: str
    against: str
    queries: int
    difference: float
    low: float
    high: float
    t_test: float
    holm: float
    seeds: int


def contrasts(
    all_curves: Sequence[Curves],
    compared: Mapping[str, Sequence[str]],
    counts: Sequence[int],
) -> list[tuple[str, Contrast]]:
    """The contrasts of the strategies that are present, each with its data set."""
    found = []
    for strategy, others in compared.items():
        for count in listed(counts, all_curves[0].queries):
            family = [
                (curves.dataset, _contrast(curves, strategy, other, count))
                for curves in all_curves
                for other in others
                if {strategy, other} <= set(curves.accuracy)
            ]
            corrected = holm([contrast.t_test for _, contrast in family])
            found += [
                (dataset, dataclasses.replace(contrast, holm=p))
                for (dataset, contrast), p in zip(family, corrected, strict=True)
            ]
    return found


def holm(p: Sequence[float]) -> list[float]:
    """P-values corrected by Holm's step-down method (Scand. J. Statist. 6, 1979)."""
    factors = np.arange(len(p), 0, -1)
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    scaled = np.minimum(np.asarray(p)[order] * factors, 1)
    corrected[order] = np.maximum.accumulate(scaled)
    return corrected.tolist()


def paired(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    """The mean difference of ``float64[S]`` pairs and its 95 % confidence interval.

    Returns:
      Mean, lower end, upper end; the ends are nan with one seed.
    """
    differences = ours - theirs
    seeds, mean = len(differences), float(differences.mean())
    margin = math.nan
    if seeds > 1:
        quantile = scipy.stats.t.ppf((1 + _CONFIDENCE) / 2, seeds - 1)
        margin = float(quantile * standard_error(differences))
    return mean, mean - margin, mean + margin


def _contrast(curves: Curves, strategy: str, against: str, count: int) -> Contrast:
    ours, theirs = (curves.accuracy[name][:, count - 1] for name in (strategy, against))
    p = t_test(ours, theirs)
    interval = paired(ours, theirs)
    return Contrast(strategy, against, count, *interval, p, p, len(ours))
