"""Searches extended beyond their first number of evaluations."""

import shutil
from pathlib import Path

from gpt_nas_jax.workdir import mirrors
from gpt_nas_jax.workdir.files import storing
from gpt_nas_jax.workdir.ledger import Ledger
from gpt_nas_jax.workdir.structured import read_sealed, write_sealed

LEDGER = "ledger.jsonl"
_FILE = "extended.json"
_FINALISTS = "finalists"
_ASIDE = "before-"
_REMEDY = "restore it: without it a longer search asks for all of its candidates again"


def extend(path: Path) -> None:
    """Notes that the evaluations so far belong to a shorter search."""
    write_sealed(path / _FILE, {"evaluations": count(path)})


def set_aside(path: Path) -> None:
    """Moves the result and best networks of an extended search out of the way.

    They are in ``before-<evaluations>/`` afterwards.
    """
    found = [path / "result.json", path / "front.json", *path.glob("best*")]
    found = [one for one in found if one.exists()]
    if not found:
        return
    folder = path / f"{_ASIDE}{count(path)}"
    with storing(path):
        # Some may be there already, if this was interrupted.
        folder.mkdir(exist_ok=True)
        for one in found:
            there = folder / one.name
            if there.is_dir():
                shutil.rmtree(there)
            one.replace(there)
        mirrors.push(path)


def home_of_result(path: Path, place: str) -> Path:
    """The folder with the result of the search that found a network.

    Args:
      path: of the run.
      place: of the network, relative to it.
    """
    first, *rest = place.split("/")
    return path / first if rest and first.startswith(_ASIDE) else path


def count(path: Path) -> int:
    """How many evaluations a ledger holds."""
    ledger = path / LEDGER
    return len(Ledger(ledger).look()) if ledger.exists() else 0


def extended(path: Path) -> int:
    """How many evaluations belong to a shorter search; 0 if none was extended."""
    file = path / _FILE
    if not file.exists():
        return 0
    count: int = read_sealed(file, _REMEDY)["evaluations"]
    return count


def finalists(path: Path, count: int) -> Path:
    """The file of the finalists among the first ``count`` evaluations.

    An extended search leaves the finalists of its first part as they are.
    """
    name = f"{_FINALISTS}-{count}" if extended(path) else _FINALISTS
    return path / f"{name}.jsonl"
