"""Progress on a terminal or in a log, and tables on either."""

import contextlib
import contextvars
import dataclasses
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

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
"""``advance(count=1, note="", ahead=0.0)``: ``count`` more are done; a note to show.

``ahead`` is work on items that are not done yet, as a number of items. It counts for
the pace and the time left, until ``count`` includes these items.
"""
_Show = Callable[[int, str, float], None]
"""``show(count, note, ahead)``: as `Advance`, but with all work ahead, not the new."""

_SECONDS_A_LINE = 60
_UNBROKEN = 1_000_000
"""A width in characters that no table reaches."""


def _seconds_each(task: Task) -> float | None:
    """The mean since the bar began; None if nothing has been done since.

    Rich averages over the last half minute, in which two workers may have finished at
    once, after several minutes.
    """
    count = task.completed - task.fields["done"] + task.fields["ahead"]
    return task.elapsed / count if count and task.elapsed else None


def _remaining(task: Task) -> float:
    return max(0.0, (task.remaining or 0.0) - task.fields["ahead"])


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
        left = timedelta(seconds=math.ceil(each * _remaining(task)))
        return Text(str(left), "progress.remaining")


class _Whole(ProgressColumn):
    """The remaining time of the whole run, if known."""

    max_refresh = 0.5

    def __init__(self, part: "_Part | None") -> None:
        super().__init__()
        # Rich draws in its own thread, which has its own context.
        self._part = part

    def render(self, task: Task) -> Text:
        seconds = _whole(self._part, _seconds_each(task), _remaining(task))
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
_current: contextvars.ContextVar[Advance | None] = contextvars.ContextVar(
    "current", default=None
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
        self._ahead = 0.0
        self._show("")

    def show(self, count: int, note: str, ahead: float) -> None:
        """See `_Show`."""
        self._done += count
        self._ahead = ahead
        if time.monotonic() - self._shown >= _SECONDS_A_LINE:
            self._show(note)

    def _show(self, note: str) -> None:
        self._shown = time.monotonic()
        text = f"{self._title}: {self._done} of {self._total} done"
        print("; ".join(filter(None, (text, note, self._left()))), flush=True)

    def _left(self) -> str:
        count = self._done - self._begun + self._ahead
        each = (time.monotonic() - self._begin) / count if count else None
        remaining = max(0.0, self._total - self._done - self._ahead)
        seconds = _whole(self._part, each, remaining)
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
    lock, waiting = threading.Lock(), 0.0
    with _bar(title, total, done) as show:

        def advance(count: int = 1, note: str = "", ahead: float = 0.0) -> None:
            nonlocal waiting
            # Notes may come from another thread.
            with lock:
                waiting = max(0.0, waiting + ahead - count)
                show(count, note, waiting)

        token = _current.set(advance)
        try:
            yield advance
        finally:
            _current.reset(token)


def note(text: str, ahead: float) -> None:
    """Shows a note on the bar around, if there is one, and work on items not yet done.

    Args:
      text: the note.
      ahead: the work since the last note; see `Advance`.
    """
    if (advance := _current.get()) is not None:
        advance(0, text, ahead)


@contextlib.contextmanager
def _bar(title: str, total: int, done: int) -> Iterator[_Show]:
    if not Console().is_terminal:
        yield _Lines(title, total, done).show
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        _Left(),
        _Whole(_part.get()),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console()) as bar:
        fields: dict[str, Any] = {"done": done, "note": "", "ahead": 0.0}
        task = bar.add_task(title, total=total, completed=done, **fields)

        def show(count: int, note: str, ahead: float) -> None:
            fields["ahead"] = ahead
            fields["note"] = note or fields["note"]
            bar.update(task, advance=count, **fields)

        yield show


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
