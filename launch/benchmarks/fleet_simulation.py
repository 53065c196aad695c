"""A fleet of workers that evaluate the candidates of a search, simulated.

The search asks for a generation of candidates, the workers evaluate them, and when the
last one is in the ledger, all are told and the search asks again, as in
`gpt_nas_jax.stages.loop`. Items are dispatched in order to free workers; results are
recorded in the same order. One process asks, tells, records and dispatches, one item at
a time.
"""

import dataclasses
import heapq
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Costs:
    """Seconds that the leading process takes.

    Attributes:
      ask: for a generation.
      tell: for a generation, its state kept on disk.
      record: to put one result into the ledger.
      hand: to dispatch one item.
    """

    ask: float = 0.0
    tell: float = 0.0
    record: float = 0.0
    hand: float = 0.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A simulated search.

    Attributes:
      seconds: from its beginning to its end.
      utilisation: the share of the workers' time in which they evaluate.
      rate: evaluations per second.
    """

    seconds: float
    utilisation: float
    rate: float


def simulate(
    durations: np.ndarray, workers: int, costs: Costs = Costs(), lag: int = 0
) -> Outcome:
    """Simulates a search.

    Args:
      durations: seconds of each evaluation, ``[generations, candidates]``.
      workers: of the fleet, all alike.
      costs: of the leading process.
      lag: generations that are asked before an earlier one is told: with 1 the next one
        is evaluated while the last candidates of a generation still are. The program
        has 0.
    """
    free = [0.0] * workers
    handing = clock = 0.0
    waiting: list[Sequence[float]] = []
    for row in durations.tolist():
        clock += costs.ask
        ends = []
        for duration in row:
            begin = max(heapq.heappop(free), handing, clock) + costs.hand
            handing = begin
            heapq.heappush(free, begin + duration)
            ends.append(begin + duration)
        waiting.append(ends)
        if len(waiting) > lag:
            clock = _told(waiting.pop(0), clock, costs)
    for ends in waiting:
        clock = _told(ends, clock, costs)
    busy = float(durations.sum())
    return Outcome(clock, busy / (workers * clock), durations.size / clock)


def _told(ends: Sequence[float], clock: float, costs: Costs) -> float:
    """When a generation that ends at these times has been recorded and told."""
    for end in ends:
        clock = max(clock, end) + costs.record
    return clock + costs.tell
