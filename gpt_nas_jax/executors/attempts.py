"""Items that are evaluated again when their worker is lost, and those to blame."""

import collections
import dataclasses
from collections.abc import Callable, Container

DEATHS = 3
"""Workers that an item may cost."""
SETTLED_SECONDS = 30
"""After so long a cluster knows whether a worker was lost with its whole machine."""


@dataclasses.dataclass(frozen=True)
class _Death:
    machine: str
    time: float


class Attempts:
    """The items of a call: which is begun next, and which is not begun again."""

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
          machine: that the worker was on.
          now: in seconds.
        """
        self._waiting.appendleft(index)
        self._deaths[index].append(_Death(machine, now))

    def condemned(self, now: float, alive: Callable[[], Container[str]]) -> list[int]:
        """The items that ended `DEATHS` workers, on machines that live on.

        They wait no longer. Items whose workers went with their machines may be begun
        again. An item that has cost as many workers waits until that is known.

        Args:
          now: in seconds.
          alive: tells which machines are.
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
