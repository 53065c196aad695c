"""The confusion matrix of the trained network."""

import dataclasses

from gpt_nas_jax.reports.page.run import Run

_MOST = 30
"""Maximum number of classes for a readable table."""


@dataclasses.dataclass(frozen=True)
class Row:
    """The test images of one class.

    Attributes:
      name: of the class.
      place: its number, from 1.
      counts: number of images predicted as each class.
      right: the fraction classified correctly; None without images.
    """

    name: str
    place: int
    counts: tuple[int, ...]
    right: float | None


@dataclasses.dataclass(frozen=True)
class Confusion:
    """The predictions for all test images.

    Attributes:
      names: of the classes.
      rows: a class each.
      balanced: the balanced accuracy.
    """

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    balanced: float


def confusion(run: Run) -> Confusion | None:
    """The confusion matrix, if a network was tested on few enough classes."""
    tested = (run.result or {}).get("retrain") or {}
    counts = tested.get("confusion")
    if not counts or len(counts) > _MOST:
        return None
    names = (run.network or {}).get("classes") or map(str, range(len(counts)))
    names = tuple(names)
    rows = tuple(
        Row(name, place + 1, tuple(row), row[place] / sum(row) if sum(row) else None)
        for place, (name, row) in enumerate(zip(names, counts, strict=True))
    )
    return Confusion(names, rows, tested["balanced_accuracy"])
