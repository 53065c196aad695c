"""The wall-clock time of a search, over all its starts."""

import time
from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.reports.page.run import HOURS, HOURS_REMEDY, is_used_up, spent


class Hours:
    """Counts the time that a search has run, in ``hours.json``.

    The time since the last `save` of a killed process does not count.
    """

    def __init__(self, path: Path, most: float) -> None:
        """Starts the clock.

        Args:
          path: the folder of the run.
          most: limit in hours; 0 for no limit.
        """
        self._file, self._most = path / HOURS, most
        self._begin = time.monotonic() - 3600 * _kept(self._file)[0]

    @property
    def evaluations(self) -> int:
        """The evaluations at the last `save`; 0 without one."""
        return _kept(self._file)[1]

    def save(self, evaluations: int) -> None:
        """Saves the time so far and the number of evaluations."""
        hours = (time.monotonic() - self._begin) / 3600
        kept = {"hours": round(hours, 9), "evaluations": evaluations}
        workdir.write_sealed(self._file, kept)

    def are_over(self, evaluations: int) -> bool:
        """Whether a saved search has used up its time, see `is_used_up`."""
        return is_used_up(self._most, *_kept(self._file), evaluations)


def _kept(file: Path) -> tuple[float, int]:
    if not file.exists():
        return 0.0, 0
    return spent(workdir.read_sealed(file, HOURS_REMEDY))
