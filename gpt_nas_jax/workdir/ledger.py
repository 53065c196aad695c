"""``ledger.jsonl``: a line for each evaluation, chained by checksums."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import mirrors
from gpt_nas_jax.workdir.files import storing, sync, sync_folder
from gpt_nas_jax.workdir.lines import START, sealed, unsealed

_MACHINE = "machine"


class Ledger:
    """The evaluations in the order in which the strategy was told of them.

    A line is a JSON object whose ``checksum`` covers its text and the checksum of the
    line before, so that no line can be changed, moved, added or removed unnoticed.
    Lines with the single entry ``machine`` say where the evaluations behind them were
    made; the first line is one.
    """

    def __init__(self, path: Path, machine: Mapping[str, Any] | None = None) -> None:
        """Opens a ledger.

        Args:
          path: of the file; need not exist.
          machine: what evaluations depend on besides the flags, for `append`.
        """
        self._path = path
        self.machine = machine
        self._last: str | None = None
        self._numbers: list[int] = []
        self.machines: list[dict[str, Any]] = []
        """Those of the lines that were read or appended."""

    def read(self) -> list[dict[str, Any]]:
        """All evaluations; removes a line that was cut off by a crash from the file.

        Raises:
          UsageError: the file cannot be read, or a line is damaged.
        """
        return self._read(self._lines(mends=True))

    def look(self) -> list[dict[str, Any]]:
        """All evaluations so far, of a run that may still be writing; changes nothing.

        Raises:
          UsageError: the file cannot be read, or a line is damaged.
        """
        return self._read(self._lines(mends=False))

    def _read(self, lines: list[bytes]) -> list[dict[str, Any]]:
        self._last, self._numbers, self.machines = START, [], []
        records = []
        for number, line in enumerate(lines, start=1):
            record = self._opened(number, line)
            if record.keys() == {_MACHINE}:
                self.machines.append(record[_MACHINE])
            else:
                records.append(record)
                self._numbers.append(number)
        return records

    def line(self, index: int) -> str:
        """Where evaluation ``index`` stands, for messages."""
        return mirrors.line(self._path, index) or (
            f"{self._path}:{self._numbers[index]}"
        )

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds one evaluation; when this returns, it survives a crash.

        Raises:
          UsageError: it cannot be written.
        """
        if self._last is None:
            self.read()
        added: list[Mapping[str, Any]] = [record]
        if self.machine is not None and self.machine != _latest(self.machines):
            added.insert(0, {_MACHINE: dict(self.machine)})
            self.machines.append(dict(self.machine))
        last, lines = self._last, []
        for value in added:
            line, last = sealed(value, last)
            lines.append(line)
        with storing(self._path):
            mirrors.append(self._path, b"".join(lines))
            is_new = not self._path.exists()
            with self._path.open("ab") as file:
                file.write(b"".join(lines))
                file.flush()
                sync(file.fileno())
            if is_new:
                sync_folder(self._path.parent)
        self._last = last

    def _lines(self, mends: bool) -> list[bytes]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UsageError(
                f"{self._path} cannot be read: {error.strerror}"
            ) from error
        complete = data[: data.rfind(b"\n") + 1]
        if mends and len(complete) < len(data):
            with storing(self._path), self._path.open("r+b") as file:
                file.truncate(len(complete))
                sync(file.fileno())
        return complete.split(b"\n")[:-1]

    def _opened(self, number: int, line: bytes) -> dict[str, Any]:
        found = unsealed(line, self._last or START)
        if found is not None:
            text, self._last = found
            record: dict[str, Any] = json.loads(text)
            return record
        raise UsageError(
            f"{self._path}:{number} is damaged or not in its place; restore the file, "
            "or delete this line and all behind it: the same command evaluates them "
            "again"
        )


class MemoryLedger(Ledger):
    """A ledger that exists in memory only."""

    def __init__(self) -> None:
        self.machine, self.machines = None, []
        self._records: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        """All evaluations."""
        return list(self._records)

    def look(self) -> list[dict[str, Any]]:
        """All evaluations."""
        return self.read()

    def line(self, index: int) -> str:
        """The number of an evaluation, for messages."""
        return f"evaluation {index}"

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds one evaluation."""
        self._records.append(dict(record))


def _latest(machines: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return machines[-1] if machines else None


def best(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The fittest evaluation; of equals the first."""
    scored = [record for record in records if record["fitness"] is not None]
    return max(scored, key=lambda record: record["fitness"])
