"""One fitness out of several scores, by their ranks."""

import numpy as np


def fitness(scores: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Combines scores into one fitness; higher is better.

    A single score is the fitness itself. Of several the mean over
    ``log((1 + below + ties / 2) / (1 + M))`` is taken, where a score is compared with
    those of a pool of M networks: 0 above all of them, so that numbers from different
    pools of one size, and of different moments of a search, mean the same. The
    logarithm makes one bad rank weigh more than a good one, as in AZ-NAS (arXiv
    2403.19232).

    Args:
      scores: ``float64[N, K]``; ``-inf`` where a network has none.
      pool: ``float64[M, K]``, not read where K is 1.

    Returns:
      ``float64[N]``; ``-inf`` for a network that lacks a score.
    """
    if scores.shape[1] == 1:
        return scores[:, 0]
    below = (pool < scores[:, None]).sum(1)
    ties = (pool == scores[:, None]).sum(1)
    ranks = np.log((1 + below + ties / 2) / (1 + len(pool))).mean(-1)
    return np.where(np.isneginf(scores).any(-1), -np.inf, ranks)


def best(fitness: np.ndarray, repeated: np.ndarray, count: int) -> np.ndarray:
    """Which ``count`` of N networks to keep, the fittest first.

    First occurrences with a fitness come first, then ``repeated`` ones, then those of
    ``-inf``; ties go to the lower index.

    Args:
      fitness: ``float64[N]``.
      repeated: ``bool[N]``.
      count: at most N.

    Returns:
      ``int[count]``.
    """
    return np.lexsort((-fitness, repeated, np.isneginf(fitness)))[:count]
