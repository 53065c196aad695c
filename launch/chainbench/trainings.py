"""The trainings of chainbench as lines of a CSV file."""

import csv
import dataclasses
import fcntl
import io
import os
from pathlib import Path

_SEPARATOR = " "


@dataclasses.dataclass(frozen=True)
class Training:
    """One training of a chain.

    Attributes:
      part: of the plan that it belongs to.
      blocks: names, from the image on.
      key: number of the random key, from 0.
      params: parameters of the network; None where it could not be built.
      flops: floating-point operations for one image, likewise.
      accuracy: on the validation images, in [0, 1]; None where the training failed.
      seconds: wall-clock time.
    """

    part: str
    blocks: tuple[str, ...]
    key: int
    params: int | None
    flops: int | None
    accuracy: float | None
    seconds: float


FIELDS = tuple(field.name for field in dataclasses.fields(Training))


def append(path: Path, training: Training) -> None:
    """Appends a line in one write that is synced to disk."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        # Several processes append; one of them writes the header.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not os.fstat(descriptor).st_size:
            writer.writerow(FIELDS)
        row = dataclasses.asdict(training)
        row["blocks"] = _SEPARATOR.join(training.blocks)
        writer.writerow(row.values())
        os.write(descriptor, text.getvalue().encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> list[Training]:
    """All trainings in the file; none if there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Training(
                row["part"],
                tuple(row["blocks"].split(_SEPARATOR)),
                int(row["key"]),
                int(row["params"]) if row["params"] else None,
                int(row["flops"]) if row["flops"] else None,
                float(row["accuracy"]) if row["accuracy"] else None,
                float(row["seconds"]),
            )
            for row in csv.DictReader(file)
        ]
