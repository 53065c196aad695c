"""What a person sees: progress on a terminal, tables anywhere."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

Advance = Callable[..., None]
"""``advance(count=1, note="")``: so many more are done, and a word on how it goes."""

_UNBROKEN = 1_000_000
"""A width in characters that no table reaches."""


class _Rate(ProgressColumn):
    """How many are done in a second, or how many seconds one takes."""

    def render(self, task: Task) -> Text:
        if not task.speed:
            return Text("")
        slow = task.speed < 1
        return Text(f"{1 / task.speed:.1f} s each" if slow else f"{task.speed:.1f}/s")


@contextlib.contextmanager
def progress(title: str, total: int, done: int = 0) -> Iterator[Advance]:
    """A bar with rate and time left; nothing where there is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    console = Console()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total, completed=done, note="")

        def advance(count: int = 1, note: str = "") -> None:
            bar.update(task, advance=count, **({"note": note} if note else {}))

        yield advance


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Prints a table; columns of numbers are aligned right.

    Cells are broken to fit a terminal, and nowhere else.
    """
    table = Table()
    rows = [list(map(str, row)) for row in rows]
    for index, column in enumerate(columns):
        numeric = all(row[index].lstrip("-")[:1].isdigit() for row in rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        # Plain text: brackets and colons are no markup.
        table.add_row(*map(Text, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_UNBROKEN)
    # Inside the table it would be broken at the table's width.
    console.print(Text(title, "table.title"))
    console.print(table)


def short(value: float) -> str:
    """A number with four decimals, or four digits where it is very large or small."""
    plain = value == 0 or 1e-3 <= abs(value) < 1e6
    return f"{value:.4f}" if plain else f"{value:.4g}"
