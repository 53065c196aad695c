"""What time was spent on."""

import time
from collections.abc import Mapping


class Clock:
    """Seconds since it was last asked, by what they were spent on."""

    def __init__(self, spent: Mapping[str, float]) -> None:
        self._spent = dict(spent)
        self._since = time.perf_counter()

    def stop(self, name: str) -> None:
        """Counts the time until now to a name."""
        now = time.perf_counter()
        self._spent[name] = self._spent.get(name, 0.0) + now - self._since
        self._since = now

    def seconds(self) -> dict[str, float]:
        """All that was counted, with what was spent before it was made."""
        return {name: round(spent, 1) for name, spent in self._spent.items()}
