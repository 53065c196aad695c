"""Successive halving of a batch: who goes on, and fitness that is comparable."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

_BELOW = 1e-6
"""How far a candidate that stopped stays behind those that went on."""


def survivors(standing: Mapping[int, float], keep: int) -> list[int]:
    """The candidates that go on to the next rung, one of ``keep`` and at least one.

    Args:
      standing: of the candidates at a rung, the higher the better, ``-inf`` for
        failures; of equals the lower number goes on.
      keep: of how many one goes on.
    """
    whole = [index for index, found in standing.items() if math.isfinite(found)]
    order = sorted(whole, key=lambda index: (-standing[index], index))
    return sorted(order[: max(1, len(whole) // keep)])


def fitness(
    rungs: Sequence[Mapping[int, float]], ordered: bool = True
) -> dict[int, float]:
    """The fitness of candidates that stopped at different rungs.

    Of those at the last rung it is their accuracy. For the others it is what they would
    be expected to reach there: their accuracy plus what those that went on have gained
    on average.

    Args:
      rungs: for each rung that somebody climbed, the accuracies of those who did,
        ``-inf`` for failures.
      ordered: whether it stays below the fitness of all that went on, so that the
        fitness of a batch is ordered by rung. Where they went on for other reasons than
        accuracy alone it may be higher.

    Returns:
      The fitness of each candidate of the first rung; ``-inf`` where it failed at any.
    """
    found: dict[int, float] = {}
    for rung in reversed(rungs):
        ahead = {i: value for i, value in found.items() if math.isfinite(value)}
        gain, most = 0.0, math.inf
        if ahead:
            gain = float(np.mean([value - rung[i] for i, value in ahead.items()]))
            most = min(ahead.values()) - _BELOW if ordered else 1.0
        found |= {
            index: min(accuracy + gain, most)
            for index, accuracy in rung.items()
            if index not in found
        }
    return found
