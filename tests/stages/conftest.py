"""A miniature run, executed once for all tests of the stages."""

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
    """The directory and the output of a run that was never interrupted.

    One process of the test run executes it; each process gets a copy of all its files,
    including the prior and the compiled programs.
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
        # These files contain the path of the directory.
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(str(first.home), str(runs.home)), encoding="utf-8")
    return path, printed.read_text(encoding="utf-8")
