"""Pearson's correlation of two measurements of the same networks."""

import dataclasses

import numpy as np
import scipy

from gpt_nas_jax.reports.agreement import Estimate, percentiles, resample


@dataclasses.dataclass(frozen=True)
class Correlation:
    """Pearson's r with its interval, the two-sided p and the number of networks.

    All but the last are nan if one side is constant.
    """

    r: Estimate
    p: float
    networks: int


def pearson(x: np.ndarray, y: np.ndarray, resamples: int = 1000) -> Correlation:
    """Pearson's r with p and a percentile interval of the bootstrap over networks.

    Args:
      x: ``float64[N]``, N at least 2.
      y: ``float64[N]``, likewise.
      resamples: number of resamples, which are always the same.
    """
    r = p = np.nan
    if np.ptp(x) > 0 and np.ptp(y) > 0:
        r, p = map(float, scipy.stats.pearsonr(x, y))
    counts = resample(len(x), resamples, seed=0).astype(np.float64)
    return Correlation(percentiles(r, _weighted(x, y, counts)), p, len(x))


def _weighted(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The r ``float64[R]`` of each resample; a row counts how often it holds a network.

    It is nan if one side of the resample is constant.
    """
    shares = counts / len(x)
    dx, dy = (values - (shares @ values)[:, None] for values in (x, y))
    products, *squares = (
        (shares * a * b).sum(1) for a, b in ((dx, dy), (dx, dx), (dy, dy))
    )
    scale = np.sqrt(squares[0] * squares[1])
    # Equal values leave a rounding error.
    varies = scale > 1e-12 * np.ptp(x) * np.ptp(y)
    none = np.full(len(counts), np.nan)
    return np.divide(products, scale, out=none, where=varies)
