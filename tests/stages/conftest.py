"""A whole run in miniature, done once for all tests of the stages."""

import shutil
from pathlib import Path

import filelock
import pytest
from stages_support import Runs

_PRINTED = "finished.txt"


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def finished(runs: Runs, shared_folder: Path) -> tuple[Path, str]:
    """The directory of a run that was never interrupted, and what it printed.

    One of the processes of a test run does it; each has a copy of all that it left, its
    prior and programs, too.
    """
    first = Runs(shared_folder / "runs")
    with filelock.FileLock(shared_folder / "runs.lock"):
        if not first.home.exists():
            first.home.mkdir()
            printed = first.finish(first.home / "finished")
            (first.home / _PRINTED).write_text(printed, encoding="utf-8")
    shutil.copytree(first.home, runs.home, dirs_exist_ok=True)
    path, printed = runs.home / "finished", runs.home / _PRINTED
    named = (path / "flags.txt", path / "report.html", *path.glob("best/*.flags"))
    for file in (printed, *named):
        # They name the directory.
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(str(first.home), str(runs.home)), encoding="utf-8")
    return path, printed.read_text(encoding="utf-8")
