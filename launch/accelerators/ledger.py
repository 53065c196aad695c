"""The compiled programs, a line of JSON each."""

import hashlib
import json
from pathlib import Path
from typing import Any

_SAME = ("chip", "part", "name", "chips")


def fingerprint(program: str) -> str:
    """A hash that distinguishes programs of the same name."""
    return hashlib.sha256(program.encode()).hexdigest()[:16]


class Ledger:
    """The lines of a file; the last line of a program counts."""

    def __init__(self, path: Path) -> None:
        """Reads the existing lines."""
        self._path = path
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        # A process that was stopped may have left half a line.
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        self._lines = {_key(line): line for line in map(json.loads, whole.splitlines())}

    def holds(self, line: dict[str, Any]) -> bool:
        """Whether this very program was compiled by this version of JAX."""
        known = self._lines.get(_key(line))
        return (
            known is not None
            and "error" not in known
            and all(known.get(name) == line[name] for name in ("program", "jax"))
        )

    def append(self, line: dict[str, Any]) -> None:
        """Appends a line."""
        self._lines[_key(line)] = line
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def lines(self) -> list[dict[str, Any]]:
        """The last line of every program."""
        return [*self._lines.values()]


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line[name] for name in _SAME)
