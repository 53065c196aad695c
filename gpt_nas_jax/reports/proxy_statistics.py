"""Zero-cost proxies against the accuracies of NAS-Bench-201: statistics."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gpt_nas_jax.config import Config
from gpt_nas_jax.datasets.benchmarks.nasbench201 import DATASETS
from gpt_nas_jax.evaluation.proxies import az_nas
from gpt_nas_jax.reports.agreement import Agreement, agreement, resample
from gpt_nas_jax.types import Key

PUBLISHED: Mapping[str, tuple[float, float, float]] = {
    "params": (0.75, 0.73, 0.69),
    "flops": (0.73, 0.71, 0.67),
    "grad_norm": (0.63, 0.63, 0.58),
    "snip": (0.63, 0.63, 0.58),
    "fisher": (0.55, 0.55, 0.50),
    "synflow": (0.73, 0.76, 0.75),
    "jacob_cov": (0.73, 0.70, 0.70),
    "naswot": (0.77, 0.80, 0.78),
    "zico": (0.80, 0.81, 0.79),
}
"""Spearman's rho as published, on the data sets in their order.

Collected from comparisons of proxies on this benchmark; see ZiCo (arXiv
2301.11300) and NAS-Bench-Suite-Zero (arXiv 2210.03230).
"""

RESAMPLES = 1000
"""Resamples of the networks, for the intervals."""

DRAWS = 500
"""Number of searches by the scores alone."""

_RESAMPLING_SEED = 0
_MOST_DRAWN = 1000


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredNetworks:
    """N networks with their scores and accuracies.

    Attributes:
      scores: proxy -> ``float64[N]``, higher is better, ``-inf`` where degenerate.
      accuracies: data set -> ``float64[N]`` test accuracies in %.
      seconds: median time to compute all scores of a network.
      source: description of the images that they were scored on.
    """

    scores: Mapping[str, np.ndarray]
    accuracies: Mapping[str, np.ndarray]
    seconds: float
    source: str

    @property
    def count(self) -> int:
        """How many networks, N."""
        return len(next(iter(self.accuracies.values())))


@dataclasses.dataclass(frozen=True)
class ProxyRow:
    """One proxy on one data set.

    Attributes:
      proxy: its name.
      dataset: of the accuracies.
      agreement: of scores with test accuracies.
      published: Spearman's rho, or nan.
      degenerate: networks without a score.
      ties: networks that share their score with another.
      search_mean: mean test accuracy of the networks found by `choices`, in %.
      search_std: standard deviation, likewise; with n - 1.
    """

    proxy: str
    dataset: str
    agreement: Agreement
    published: float
    degenerate: int
    ties: int
    search_mean: float
    search_std: float


def scores_of(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> np.ndarray:
    """Gathers the scores ``float64[N, K]`` of a ledger's lines, where null is -inf."""
    kept = ([record["scores"][name] for name in names] for record in records)
    return np.array([[-math.inf if s is None else s for s in row] for row in kept])


def scored_networks(
    config: Config,
    records: Sequence[Mapping[str, Any]],
    scores: np.ndarray,
    accuracies: np.ndarray,
    batches: int,
) -> ScoredNetworks:
    """Combines the scores of networks with their accuracies.

    If all proxies that AZ-NAS ranks by are present, its score is added.

    Args:
      config: of the run.
      records: of the networks in the ledger.
      scores: ``float64[N, K]``, of `scores_of`.
      accuracies: ``float64[3, N]`` on the test images in %, as of `nasbench201`.
      batches: number of image batches that the networks were scored on.
    """
    settings = config.proxies
    columns = dict(zip(settings.chosen(), scores.T, strict=True))
    if columns.keys() >= {*az_nas.RANKED}:
        columns["az_nas"] = az_nas.ranked(columns)
    return ScoredNetworks(
        columns,
        dict(zip(DATASETS, accuracies, strict=True)),
        float(np.median([record["seconds"] for record in records])),
        f"{batches} x {settings.batch} training images of {config.data.name}, seed "
        f"{config.seed}",
    )


def choices(scores: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Finds the network with the highest score of each draw.

    Args:
      scores: ``float64[N]``.
      draws: ``int[D, M]`` networks in random order; the first of equals is taken.

    Returns:
      ``int[D]`` networks.
    """
    first = scores[draws].argmax(1)
    return np.take_along_axis(draws, first[:, None], 1)[:, 0]


def drawn(count: int) -> int:
    """Networks of one draw: as many as published searches drew, at most half of all."""
    return max(1, min(_MOST_DRAWN, count // 2))


def rows(scored: ScoredNetworks, key: Key) -> Iterator[ProxyRow]:
    """Compares every proxy with the accuracies on every data set.

    Args:
      scored: the networks.
      key: decides which networks the searches draw.
    """
    count = scored.count
    resamples = resample(count, RESAMPLES, _RESAMPLING_SEED)
    keys = jax.random.split(key, DRAWS)
    shuffled = jax.vmap(jax.random.permutation, (0, None))(keys, count)
    draws = np.asarray(shuffled[:, : drawn(count)])
    nowhere = (np.nan,) * len(scored.accuracies)
    for name, scores in scored.scores.items():
        there = scores[np.isfinite(scores)]
        shared = np.unique(there, return_counts=True)[1]
        chosen = choices(scores, draws)
        published = PUBLISHED.get(name, nowhere)
        for (dataset, accuracy), rho in zip(
            scored.accuracies.items(), published, strict=True
        ):
            yield ProxyRow(
                name,
                dataset,
                agreement(scores, accuracy, resamples),
                rho,
                len(scores) - len(there),
                int(shared[shared > 1].sum()),
                float(accuracy[chosen].mean()),
                float(accuracy[chosen].std(ddof=1)),
            )
