"""Retries of items whose workers were lost, and the items to blame."""

import collections
import dataclasses
import math
from collections.abc import Callable, Container

DEATHS = 3
"""Lost workers after which an item is given up."""
SETTLED_SECONDS = 30
"""Time until a cluster knows whether a worker was lost with its whole machine."""


@dataclasses.dataclass(frozen=True)
class _Death:
    machine: str
    time: float


class Attempts:
    """The items of a call: which one begins next, and which are not retried."""

    def __init__(self, count: int) -> None:
        """All wait, in their order."""
        self._waiting = collections.deque(range(count))
        self._deaths: dict[int, list[_Death]] = collections.defaultdict(list)

    def begin(self) -> int | None:
        """The number of the item to begin now; None where none is due."""
        for index in self._waiting:
            if len(self._deaths[index]) < DEATHS:
                self._waiting.remove(index)
                return index
        return None

    def lost(self, index: int, machine: str, now: float) -> None:
        """The worker of an item was lost: the item waits again, before all others.

        Args:
          index: of the item.
          machine: that the worker was on; empty where the item is not to blame.
          now: in seconds.
        """
        self._waiting.appendleft(index)
        if machine:
            self._deaths[index].append(_Death(machine, now))

    def condemned(self, now: float, alive: Callable[[], Container[str]]) -> list[int]:
        """The items that killed `DEATHS` workers on machines that are still alive.

        They are not retried. Items whose workers were lost with their machines may be.
        An item that has lost as many workers waits until that is known.

        Args:
          now: in seconds.
          alive: returns the machines that are alive.
        """
        suspects = [
            index
            for index in self._waiting
            if len(found := self._deaths[index]) >= DEATHS
            and now - found[-1].time >= SETTLED_SECONDS
        ]
        if not suspects:
            return []
        there = alive()
        for index in suspects:
            self._deaths[index] = [d for d in self._deaths[index] if d.machine in there]
        guilty = [index for index in suspects if len(self._deaths[index]) >= DEATHS]
        for index in guilty:
            self._waiting.remove(index)
        return guilty


class Rounds:
    """Losses of workers that have not worked yet.

    Workers that are lost together, for example with their node, are one loss.

    Attributes:
      count: losses in a row.
    """

    def __init__(self) -> None:
        """None yet."""
        self.count = 0
        self._last = -math.inf

    def lost(self, began: float, now: float) -> None:
        """Counts a loss, unless the worker began before the last one that counted.

        Args:
          began: when the worker began, in seconds.
          now: in seconds.
        """
        if began > self._last:
            self.count, self._last = self.count + 1, now

    def end(self) -> None:
        """A worker has worked, so that the next loss is the first of a row."""
        self.count = 0
