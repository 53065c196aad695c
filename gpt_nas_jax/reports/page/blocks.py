"""Which blocks good networks have."""

import dataclasses
import statistics

from gpt_nas_jax.reports.page.run import Record, Run, names

_LEAST = 8
"""Networks below which shares of the best quarter say nothing."""


@dataclasses.dataclass(frozen=True)
class Share:
    """How common a block is.

    Attributes:
      name: of the block.
      best: share of the best quarter of the networks that have it, in percent.
      every: share of all networks, likewise.
      with_it: mean fitness of the networks that have it, or None.
      without: of the others, or None.
    """

    name: str
    best: float
    every: float
    with_it: float | None
    without: float | None


def shares(run: Run) -> list[Share]:
    """All blocks; first the one that the best networks prefer most."""
    if len(run.scored) < _LEAST:
        return []
    order = sorted(run.scored, key=lambda record: -record["fitness"])
    best = order[: len(order) // 4]
    used = sorted({name for record in order for name in names(record)})
    found = [_share(name, best, order) for name in used]
    return sorted(found, key=lambda share: share.every - share.best)


def _share(name: str, best: list[Record], every: list[Record]) -> Share:
    having = [r["fitness"] for r in every if name in names(r)]
    without = [r["fitness"] for r in every if name not in names(r)]
    return Share(
        name,
        100 * sum(name in names(record) for record in best) / len(best),
        100 * len(having) / len(every),
        statistics.fmean(having) if having else None,
        statistics.fmean(without) if without else None,
    )
