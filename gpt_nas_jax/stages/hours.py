"""The wall-clock time of a search, over all the times that it was started."""

import time
from pathlib import Path

from gpt_nas_jax import workdir

FILE = "hours.json"


class Hours:
    """Counts the time that a search has run, in ``hours.json``.

    What ran since the last `save` of a process that was killed does not count.
    """

    def __init__(self, path: Path, most: float) -> None:
        """Begins to count.

        Args:
          path: the folder of the run.
          most: hours that the search may run for; 0 for no limit.
        """
        self._file, self._most = path / FILE, most
        self._begin = time.monotonic() - 3600 * _kept(self._file)

    def save(self) -> None:
        """Keeps the time so far."""
        hours = (time.monotonic() - self._begin) / 3600
        workdir.write_sealed(self._file, {"hours": round(hours, 6)})

    def are_over(self) -> bool:
        """Whether a search that was saved has had its time; keeps nothing."""
        return 0 < self._most <= _kept(self._file)


def _kept(file: Path) -> float:
    if not file.exists():
        return 0.0
    remedy = "remove it: the time begins anew"
    hours: float = workdir.read_sealed(file, remedy)["hours"]
    return hours
