"""Searches that go on for longer than they were begun for."""

from pathlib import Path

from gpt_nas_jax.workdir.ledger import Ledger
from gpt_nas_jax.workdir.structured import read_sealed, write_sealed

LEDGER = "ledger.jsonl"
_FILE = "extended.json"
_FINALISTS = "finalists"


def extend(path: Path) -> None:
    """Notes that the evaluations so far are of a shorter search than the next ones."""
    ledger = path / LEDGER
    count = len(Ledger(ledger).look()) if ledger.exists() else 0
    write_sealed(path / _FILE, {"evaluations": count})


def extended(path: Path) -> int:
    """How many evaluations are of a shorter search; 0 where it never was one."""
    file = path / _FILE
    if not file.exists():
        return 0
    count: int = read_sealed(file)["evaluations"]
    return count


def finalists(path: Path, count: int) -> Path:
    """Where the trainings of finalists among so many evaluations are.

    A search that goes on leaves those of its first part as they are.
    """
    name = f"{_FINALISTS}-{count}" if extended(path) else _FINALISTS
    return path / f"{name}.jsonl"
