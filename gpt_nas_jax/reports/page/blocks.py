"""Which blocks good networks have."""

import dataclasses
import statistics
from collections.abc import Sequence

from gpt_nas_jax.reports.page.run import Run, names

_LEAST = 8
"""Minimum number of networks for meaningful shares of the best quarter."""


@dataclasses.dataclass(frozen=True)
class Share:
    """How common a block is.

    Attributes:
      name: of the block.
      best: percentage of the best quarter of the networks that have it.
      every: percentage of all networks, likewise.
      with_it: mean fitness of the networks that have it, or None.
      without: of the others, or None.
    """

    name: str
    best: float
    every: float
    with_it: float | None
    without: float | None


def shares(run: Run) -> list[Share]:
    """All blocks, the one that the best networks prefer most first."""
    if len(run.scored) < _LEAST:
        return []
    order = sorted(run.scored, key=lambda record: -record["fitness"])
    every = [(record["fitness"], frozenset(names(record))) for record in order]
    used = sorted(frozenset().union(*(known for _, known in every)))
    found = [_share(name, every) for name in used]
    return sorted(found, key=lambda share: share.every - share.best)


def _share(name: str, every: Sequence[tuple[float, frozenset[str]]]) -> Share:
    """The share of one block; the fittest networks come first."""
    having = [fitness for fitness, known in every if name in known]
    without = [fitness for fitness, known in every if name not in known]
    best = every[: len(every) // 4]
    return Share(
        name,
        100 * sum(name in known for _, known in best) / len(best),
        100 * len(having) / len(every),
        statistics.fmean(having) if having else None,
        statistics.fmean(without) if without else None,
    )
