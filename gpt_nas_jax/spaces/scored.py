"""A space with known zero-cost scores."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy

from gpt_nas_jax.spaces.wrapped import Delegating
from gpt_nas_jax.types import Genome, Space


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredSpace(Delegating):
    """A wrapped space with scores as further trends and as its `size`.

    Attributes:
      space: identifies its networks by one number from 0 to N - 1, as
        `spaces.nasbench201` does.
      ranks: ``float32[N, K]``, by the network's number; see `scored`.
      merits: ``float32[N]``, likewise.
    """

    space: Space
    ranks: np.ndarray
    merits: np.ndarray

    def size(self, genomes: Genome) -> jax.Array:
        """The networks' merit, instead of their number of weights."""
        return jnp.asarray(self.merits)[self.space.identity(genomes)[..., 0]]

    def trends(self, genomes: Genome) -> jax.Array:
        """The ``T`` trends of the space, then the ranks: ``[..., T + K]``."""
        ranks = jnp.asarray(self.ranks)[self.space.identity(genomes)[..., 0]]
        return jnp.concatenate([self.space.trends(genomes), ranks], -1)


def scored(space: Space, scores: np.ndarray) -> ScoredSpace:
    """Adds scores of all its networks to a space.

    Scores of different proxies are comparable only by their order, so trends are ranks,
    standardised to mean 0 and standard deviation 1; 0 if all are equal. A network's
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
