"""Predictions of a network for pictures, as CSV or as a table."""

import csv
import io
import os
from collections.abc import Sequence

from gpt_nas_jax.inference.predictor import Answer
from gpt_nas_jax.reports.terminal import short, show_table

CLASSES = 5
"""Number of most probable classes that are shown for a picture."""


def to_csv(answers: Sequence[Answer]) -> str:
    """One row per picture: file, and classes by probability or why it failed."""
    shown = max((len(answer.best) for answer in answers), default=0)
    columns = [f"{what}_{n}" for n in range(1, shown + 1) for what in _PAIR]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *columns, "reason"])
    for answer in answers:
        cells = [cell for name, p in answer.best for cell in (name, f"{p:.6f}")]
        cells += [""] * (len(columns) - len(cells))
        writer.writerow([_name(answer), *cells, answer.reason or ""])
    return text.getvalue()


_PAIR = ("class", "probability")


def show(answers: Sequence[Answer]) -> None:
    """Prints the same as a table."""
    rows = [
        (
            _name(answer),
            answer.reason or ", ".join(f"{name} {short(p)}" for name, p in answer.best),
        )
        for answer in answers
    ]
    show_table(summary(answers), ("file", "classes and probabilities"), rows)


def _name(answer: Answer) -> str:
    """The file; its name need not be UTF-8."""
    return os.fsencode(answer.path).decode("utf-8", "replace")


def summary(answers: Sequence[Answer]) -> str:
    """How many pictures there are, and how many of them could not be read."""
    failed = sum(answer.reason is not None for answer in answers)
    count = f"{len(answers)} picture{'' if len(answers) == 1 else 's'}"
    return f"{count}, {failed} of them not readable:" if failed else f"{count}:"
