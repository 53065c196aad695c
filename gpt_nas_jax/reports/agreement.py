"""Rank correlations of scores with accuracies, and their intervals."""

import dataclasses

import numpy as np
import scipy

LEVEL = 95
"""Confidence level of the intervals, in percent."""

# Rows of pairs compared at a time: 64 MB for 15,625 networks.
_BLOCK = 1024


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A coefficient and its interval; nan if one side is constant."""

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Both coefficients in [-1, 1]: Spearman's rho and Kendall's tau-b."""

    spearman: Estimate
    kendall: Estimate


def resample(count: int, times: int, seed: int) -> np.ndarray:
    """Draws ``count`` networks with replacement, and counts each of them.

    Returns:
      ``float32[times, count]`` whole numbers: how often each resample holds each
      network. Every row sums to ``count``.
    """
    random = np.random.default_rng(seed)
    return random.multinomial(count, np.full(count, 1 / count), times).astype("f4")


def agreement(
    scores: np.ndarray, accuracies: np.ndarray, resamples: np.ndarray
) -> Agreement:
    """Rank correlations with percentile intervals of the bootstrap over networks.

    Equal values share their mean rank; ``-inf`` is the lowest. Every resample is
    ranked anew. Since it repeats networks whose order is fixed, the counts of distinct
    networks give both coefficients exactly: rho from cumulative counts, tau as a
    quadratic form in the counts over the signs of all pairs. One matrix product handles
    1,000 resamples: 0.2 s for 1,000 networks on 2 CPU cores, about 10 s for 15,625.

    Args:
      scores: ``float64[N]`` without nan.
      accuracies: ``float64[N]``, likewise.
      resamples: ``float32[R, N]``, from `resample`.
    """
    # Positions in the order instead of scores, whose differences of -inf are nan.
    (_, x), (_, y) = (
        np.unique(values, return_inverse=True) for values in (scores, accuracies)
    )
    rho = tau = np.nan
    if x.max() > 0 and y.max() > 0:
        rho = scipy.stats.spearmanr(x, y).statistic
        tau = scipy.stats.kendalltau(x, y).statistic
    return Agreement(
        percentiles(rho, _spearman(x, y, resamples)),
        percentiles(tau, _kendall(x, y, resamples)),
    )


def percentiles(value: float, resampled: np.ndarray) -> Estimate:
    """A coefficient with the interval of `LEVEL` % of its resamples."""
    there = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not len(there):
        return Estimate(np.nan, np.nan, np.nan)
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(there, [tail, 100 - tail])
    return Estimate(float(value), float(low), float(high))


def _groups(places: np.ndarray, resamples: np.ndarray) -> np.ndarray:
    """Counts the networks of each place in each resample, ``float64[R, G]``."""
    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.diff(places[order], prepend=-1))
    return np.add.reduceat(resamples[:, order], starts, axis=1, dtype=np.float64)


def _spearman(x: np.ndarray, y: np.ndarray, resamples: np.ndarray) -> np.ndarray:
    centred, squares = [], []
    for places in (x, y):
        held = _groups(places, resamples)
        # Equal values share their mean rank; ranks are centred at zero.
        ranks = np.cumsum(held, 1) - (held + len(places)) / 2
        centred.append(ranks[:, places])
        squares.append((held * ranks**2).sum(1))
    products = (resamples * centred[0] * centred[1]).sum(1)
    return _ratio(products, squares)


def _kendall(x: np.ndarray, y: np.ndarray, resamples: np.ndarray) -> np.ndarray:
    concordant = np.zeros(len(resamples))
    for start in range(0, len(x), _BLOCK):
        rows, rest = slice(start, start + _BLOCK), slice(start, None)
        signs = np.sign(x[rows, None] - x[rest]) * np.sign(y[rows, None] - y[rest])
        # Each pair once. float32 is exact: sums stay below 2**24.
        pairs = np.triu(signs.astype(np.float32))
        sums = resamples[:, rest] @ pairs.T
        concordant += (sums * resamples[:, rows]).sum(1, dtype=np.float64)
    differing = [
        (len(x) ** 2 - (_groups(places, resamples) ** 2).sum(1)) / 2
        for places in (x, y)
    ]
    return _ratio(concordant, differing)


def _ratio(products: np.ndarray, squares: list[np.ndarray]) -> np.ndarray:
    """``products`` over the geometric mean of both squares; nan where one is zero."""
    scale = np.sqrt(squares[0] * squares[1])
    none = np.full(len(products), np.nan)
    return np.divide(products, scale, out=none, where=scale > 0)
