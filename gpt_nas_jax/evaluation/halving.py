"""Successive halving of a batch: its survivors and their fitness."""

import math
from collections.abc import Mapping, Sequence

_BELOW = 1e-6
"""Margin by which stopped candidates stay below survivors."""


def survivors(standing: Mapping[int, float], keep: int) -> list[int]:
    """The candidates that go on to the next rung: one in ``keep``, but at least one.

    Args:
      standing: of the candidates at a rung, the higher the better, ``-inf`` for
        failures; ties go to the lower number.
      keep: the reduction factor.
    """
    whole = [index for index, found in standing.items() if math.isfinite(found)]
    order = sorted(whole, key=lambda index: (-standing[index], index))
    return sorted(order[: max(1, len(whole) // keep)])


def counts(size: int, rungs: int, keep: int) -> list[int]:
    """How many of a batch climb to each rung if none fails."""
    found = [size]
    while len(found) < rungs:
        found.append(max(1, found[-1] // keep))
    return found


def fitness(
    rungs: Sequence[Mapping[int, float]], ordered: bool = True
) -> dict[int, float]:
    """The fitness of candidates that stopped at different rungs.

    It is the accuracy at the last rung that a candidate climbed.

    Args:
      rungs: for each rung that was climbed, the accuracies of its candidates, ``-inf``
        for failures.
      ordered: whether a stopped candidate stays below all survivors, even if those lost
        accuracy later. False if candidates go on for other reasons than accuracy.

    Returns:
      The fitness of each candidate of the first rung; ``-inf`` where it failed at any.
    """
    found: dict[int, float] = {}
    most = math.inf
    for rung in reversed(rungs):
        found |= {
            index: min(accuracy, most)
            for index, accuracy in rung.items()
            if index not in found
        }
        ahead = [value for value in found.values() if math.isfinite(value)]
        if ordered and ahead:
            most = min(ahead) - _BELOW
    return found
