"""A whole run in miniature, done once for all tests of the stages."""

import shutil
from pathlib import Path

import filelock
import pytest
from stages_support import Runs

_PRINTED = "finished.txt"


@pytest.fixture(scope="session")
def runs(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Runs that find the prior and the programs of a whole one.

    One of the processes of a test run does it; each has a copy of all that it left.
    """
    first = Runs(shared_folder / "runs")
    with filelock.FileLock(shared_folder / "runs.lock"):
        if not first.home.exists():
            first.home.mkdir()
            printed = first.finish(first.home / "finished")
            (first.home / _PRINTED).write_text(printed, encoding="utf-8")
    own = Runs(tmp_path_factory.mktemp("runs"))
    shutil.copytree(first.home, own.home, dirs_exist_ok=True)
    return own


@pytest.fixture(scope="session")
def finished(runs: Runs, shared_folder: Path) -> tuple[Path, str]:
    """The directory of a run that was never interrupted, and what it printed."""
    printed = (runs.home / _PRINTED).read_text(encoding="utf-8")
    found = printed.replace(str(shared_folder / "runs"), str(runs.home))
    return runs.home / "finished", found
