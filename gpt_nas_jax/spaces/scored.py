"""A space of which zero-cost scores are known."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy

from gpt_nas_jax.types import Genome, Space


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredSpace:
    """A space with more trends and another order; in all else that which it wraps.

    Attributes:
      space: its networks' identity is one number from 0 to N - 1, as that of
        `spaces.nasbench201`.
      ranks: ``float32[N, K]``, of the network with each number; see `scored`.
      merits: ``float32[N]``, likewise.
    """

    space: Space
    ranks: np.ndarray
    merits: np.ndarray

    def __getattr__(self, name: str) -> Any:
        return getattr(self.space, name)

    def size(self, genomes: Genome) -> jax.Array:
        """The networks' merit, in place of the number of their weights."""
        return jnp.asarray(self.merits)[self.space.identity(genomes)[..., 0]]

    def trends(self, genomes: Genome) -> jax.Array:
        """Those of the space, ``T``, and behind them ranks: ``[..., T + K]``."""
        ranks = jnp.asarray(self.ranks)[self.space.identity(genomes)[..., 0]]
        return jnp.concatenate([self.space.trends(genomes), ranks], -1)


def scored(space: Space, scores: np.ndarray) -> ScoredSpace:
    """A space with scores of all its networks.

    Scores of different proxies have nothing in common but their order, so trends
    are ranks, with mean 0 and standard deviation 1; 0 where all are equal. A network's
    merit is the sum of the logarithms of its ranks, as in AZ-NAS (arXiv 2403.19232).

    Args:
      space: see `ScoredSpace`.
      scores: ``float64[N, K]`` in the order of the networks' numbers; ``-inf`` is the
        lowest.
    """
    ranks = scipy.stats.rankdata(scores, axis=0)
    merits = np.log(ranks).sum(-1)
    ranks -= ranks.mean(0)
    spread = ranks.std(0)
    ranks /= np.where(spread > 0, spread, 1.0)
    return ScoredSpace(space, ranks.astype(np.float32), merits.astype(np.float32))
