"""Lines of the CSV files that the trainings of the claim write."""

import csv
import dataclasses
import fcntl
import os
from pathlib import Path
from typing import ClassVar, Self

HOME = Path("docs/results/claim")


@dataclasses.dataclass(frozen=True)
class _Line:
    """One line of a file whose columns are the fields."""

    file: ClassVar[str]

    @classmethod
    def read(cls, home: Path = HOME) -> list[Self]:
        """All lines; none if there is no file."""
        path = home / cls.file
        if not path.exists():
            return []
        kinds = {field.name: field.type for field in dataclasses.fields(cls)}
        with path.open(encoding="utf-8", newline="") as file:
            return [
                cls(**{name: kinds[name](text) for name, text in row.items()})
                for row in csv.DictReader(file)
            ]

    @classmethod
    def append(cls, lines: list[Self], home: Path = HOME) -> None:
        """Appends lines with one write and syncs it to disk."""
        home.mkdir(parents=True, exist_ok=True)
        path = home / cls.file
        rows = [dataclasses.astuple(line) for line in lines]
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            # Several processes append; one of them writes the header.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not os.fstat(descriptor).st_size:
                rows.insert(0, tuple(field.name for field in dataclasses.fields(cls)))
            text = "".join(",".join(map(str, row)) + "\n" for row in rows)
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclasses.dataclass(frozen=True)
class Candidate(_Line):
    """A candidate that a search trained.

    Attributes:
      strategy: that asked for it.
      seed: of the search.
      index: of the candidate, from 0.
      blocks: names, from the image on, with spaces between them.
      flops: for one image.
      fitness: validation accuracy, in [0, 1]; NaN where the training failed.
    """

    file: ClassVar[str] = "candidates.csv"

    strategy: str
    seed: int
    index: int
    blocks: str
    flops: int
    fitness: float


@dataclasses.dataclass(frozen=True)
class Outcome(_Line):
    """A network that was trained for longer and tested once.

    Attributes:
      strategy: that found it.
      seed: of the search, and of this training.
      queries: candidates that the budget allowed.
      params: of the network.
      flops: for one image.
      test_accuracy: on all test images, in [0, 1].
    """

    file: ClassVar[str] = "tested.csv"

    strategy: str
    seed: int
    queries: int
    params: int
    flops: int
    test_accuracy: float


@dataclasses.dataclass(frozen=True)
class Human(_Line):
    """A human network, or the one that was found, trained and tested once.

    Attributes:
      name: of the network.
      seed: of its training.
      side: of the images, in pixels.
      epochs: of the training.
      params: of the network.
      flops: for one image.
      test_accuracy: on all test images, in [0, 1].
    """

    file: ClassVar[str] = "humans.csv"

    name: str
    seed: int
    side: int
    epochs: int
    params: int
    flops: int
    test_accuracy: float
