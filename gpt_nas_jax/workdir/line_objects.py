"""Ledgers on a store: one object per evaluation, never replaced."""

import json
import re
import shutil
from collections import defaultdict
from pathlib import Path

from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir.lines import START, unsealed
from gpt_nas_jax.workdir.objects import Objects

_FOLDER = ".store/lines"
_OBJECT = re.compile(rf"{_FOLDER}/(.+)/(\d+)")
# A line that belongs to the evaluation after it.
_HEAD = {"machine"}


class LineObjects:
    """The ledgers of a workdir, by the names of their files."""

    def __init__(self, objects: Objects) -> None:
        """Knows of no ledger yet."""
        self._objects = objects
        self._counts: dict[str, int] = {}

    def where(self, name: str, index: int) -> str:
        """The URL of an evaluation, for messages."""
        return f"{self._objects.url}/{_object(name, index)}"

    def fetch(self, there: set[str], folder: Path) -> None:
        """Writes the files of all ledgers that are among some objects.

        Raises:
          UsageError: a line is damaged, or missing.
        """
        found = defaultdict(list)
        for matched in filter(None, map(_OBJECT.fullmatch, there)):
            found[matched[1]].append(int(matched[2]))
        for name, numbers in found.items():
            content = self._content(name, sorted(numbers), folder / ".lines")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
            self._counts[name] = len(numbers)

    def append(self, name: str, data: bytes) -> bool:
        """Adds the lines of one evaluation; False if others are in their place."""
        number = self._counts.get(name, 0)
        if not self._objects.create(_object(name, number), data):
            return False
        self._counts[name] = number + 1
        return True

    def adopt(self, name: str, content: bytes) -> bytes:
        """Makes the objects of a ledger that was copied to the store as a file.

        Returns:
          What they hold: the file without lines that a crash left incomplete.

        Raises:
          UsageError: a line is damaged, or another process has added others.
        """
        self._counts[name] = 0
        data, last = b"", START
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(keepends=True), start=1):
            found = unsealed(line[:-1], last)
            if found is None:
                raise UsageError(
                    f"{self._objects.url}/{name}:{number} is damaged or not in its "
                    "place; copy the file again, or without this line and all behind it"
                )
            text, last = found
            data += line
            if json.loads(text).keys() != _HEAD:
                if not self.append(name, data):
                    raise UsageError(
                        f"{self.where(name, self._counts[name])} was written by "
                        "another process; if none continues the run, start the same "
                        "command again"
                    )
                data = b""
        # The evaluation of this machine was cut off.
        return whole.removesuffix(data)

    def remove_others(self, names: set[str]) -> None:
        """Removes the objects of all ledgers except those of these names."""
        for name in self._counts.keys() - names:
            count = self._counts.pop(name)
            # The last one first, so that no crash leaves a gap.
            self._objects.remove([_object(name, n) for n in reversed(range(count))])

    def _content(self, name: str, numbers: list[int], folder: Path) -> bytes:
        paths = {_object(name, n): folder / str(n) for n in numbers}
        self._objects.download(paths)
        content, last = b"", START
        for place, number in enumerate(numbers):
            where = self.where(name, place)
            remedy = "restore it, or delete it and all objects after it"
            if place != number:
                raise UsageError(f"{where} is missing; {remedy}")
            data = paths[_object(name, number)].read_bytes()
            for line in data.splitlines():
                found = unsealed(line, last)
                if found is None:
                    raise UsageError(
                        f"{where} is damaged or not in its place; {remedy}: the same "
                        "command evaluates them again"
                    )
                last = found[1]
            content += data
        shutil.rmtree(folder)
        return content


def _object(name: str, number: int) -> str:
    return f"{_FOLDER}/{name}/{number:07}"
