"""Progress on a terminal or in a log, and tables on either."""

import contextlib
import contextvars
import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.table import Table
from rich.text import Text

Advance = Callable[..., None]
"""``advance(count=1, note="")``: ``count`` more are done; a note to show."""

_SECONDS_A_LINE = 60
_UNBROKEN = 1_000_000
"""A width in characters that no table reaches."""


def _seconds_each(task: Task) -> float | None:
    """The mean since the bar began; None if nothing has been done since.

    Rich averages over the last half minute, in which two workers may have finished at
    once, after several minutes.
    """
    count = task.completed - task.fields["done"]
    return task.elapsed / count if count and task.elapsed else None


class _Rate(ProgressColumn):
    """Items per second, or seconds per item."""

    def render(self, task: Task) -> Text:
        each = _seconds_each(task)
        if each is None:
            # The first one may wait minutes for a compiler.
            return Text(f"{task.elapsed or 0:.0f} s so far")
        return Text(f"{each:.1f} s each" if each > 1 else f"{1 / each:.1f}/s")


class _Left(ProgressColumn):
    """The remaining time of the bar."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        each = _seconds_each(task)
        if each is None:
            return Text("-:--:--", "progress.remaining")
        left = timedelta(seconds=math.ceil(each * task.remaining))
        return Text(str(left), "progress.remaining")


class _Whole(ProgressColumn):
    """The remaining time of the whole run, if known."""

    max_refresh = 0.5

    def __init__(self, part: "_Part | None") -> None:
        super().__init__()
        # Rich draws in its own thread, which has its own context.
        self._part = part

    def render(self, task: Task) -> Text:
        seconds = _whole(self._part, _seconds_each(task), task.remaining)
        if seconds is None:
            return Text("")
        left = timedelta(seconds=math.ceil(seconds))
        return Text(f"whole run {left}", "progress.remaining")


@dataclasses.dataclass(frozen=True)
class _Part:
    label: str
    rest: float | None


_part: contextvars.ContextVar[_Part | None] = contextvars.ContextVar(
    "part", default=None
)


@contextlib.contextmanager
def part(label: str, rest: float | None) -> Iterator[None]:
    """Makes bars within it show their part of a run and the time left of the whole.

    Args:
      label: of the part, such as ``part 2 of 3``.
      rest: work that follows a bar, in the unit that it counts; None if unknown.
    """
    token = _part.set(_Part(label, rest))
    try:
        yield
    finally:
        _part.reset(token)


def _whole(part: _Part | None, each: float | None, remaining: float) -> float | None:
    """Seconds until the end of the whole run."""
    if part is None or part.rest is None or each is None:
        return None
    return each * (remaining + part.rest)


class _Lines:
    """Progress for a log."""

    def __init__(self, title: str, total: int, done: int) -> None:
        self._title, self._total, self._done = title, total, done
        self._begin, self._begun, self._part = time.monotonic(), done, _part.get()
        self._show("")

    def advance(self, count: int = 1, note: str = "") -> None:
        """See `Advance`."""
        self._done += count
        if time.monotonic() - self._shown >= _SECONDS_A_LINE:
            self._show(note)

    def _show(self, note: str) -> None:
        self._shown = time.monotonic()
        text = f"{self._title}: {self._done} of {self._total} done"
        print("; ".join(filter(None, (text, note, self._left()))), flush=True)

    def _left(self) -> str:
        count = self._done - self._begun
        each = (time.monotonic() - self._begin) / count if count else None
        seconds = _whole(self._part, each, self._total - self._done)
        if seconds is None:
            return ""
        return f"about {math.ceil(seconds / 60)} min left of the whole run"


@contextlib.contextmanager
def progress(title: str, total: int, done: int = 0) -> Iterator[Advance]:
    """A bar with rate and time left, or plain lines without a terminal.

    Lines are printed at the start and then at most once a minute. Within `part` it also
    shows which part runs, and the time left of the whole run.
    """
    if (now := _part.get()) is not None:
        title = f"{now.label}: {title}"
    if not Console().is_terminal:
        yield _Lines(title, total, done).advance
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        _Left(),
        _Whole(now),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console()) as bar:
        task = bar.add_task(title, total=total, completed=done, done=done, note="")

        def advance(count: int = 1, note: str = "") -> None:
            bar.update(task, advance=count, **({"note": note} if note else {}))

        yield advance


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Prints a table; columns of numbers are aligned right.

    Cells are wrapped only to fit a terminal.
    """
    table = Table()
    rows = [list(map(str, row)) for row in rows]
    for index, column in enumerate(columns):
        numeric = all(row[index].lstrip("-")[:1].isdigit() for row in rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        # Plain text: brackets and colons are not markup.
        table.add_row(*map(Text, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_UNBROKEN)
    # Inside the table it would be wrapped at the table's width.
    console.print(Text(title, "table.title"))
    console.print(table)


def short(value: float) -> str:
    """A number with four decimals, or four digits where it is very large or small."""
    plain = value == 0 or 1e-3 <= abs(value) < 1e6
    return f"{value:.4f}" if plain else f"{value:.4g}"
