"""A whole run in miniature, done once for all tests of the stages."""

from pathlib import Path

import pytest
from stages_support import Runs


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def finished(runs: Runs) -> tuple[Path, str]:
    """The directory of a run that was never interrupted, and what it printed."""
    path = runs.home / "finished"
    return path, runs.finish(path)
