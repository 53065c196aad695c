"""Tables as Markdown, as LaTeX and as CSV."""

import csv
import dataclasses
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

PACKAGES = ("adjustbox", "booktabs")
"""The LaTeX packages that `latex` needs."""

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        **{character: "\\" + character for character in "&%$#_{}"},
    }
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """The text of a cell; bold if it is the best."""

    text: str
    bold: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table with column headings and a caption.

    Attributes:
      caption: one sentence or more on what the table shows.
      columns: their headings.
      rows: one entry per column each.
      names: how many columns, from the left, hold names; the others hold numbers.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Entry]]
    names: int = 1


def number(value: float, form: str) -> str:
    """A number by a format specification; ``-`` for nan."""
    return "-" if math.isnan(value) else format(value, form)


def spread(values: Sequence[float], form: str) -> str:
    """The mean, and ``+-`` the standard deviation with n - 1 if there are several."""
    found = np.asarray(values, np.float64)
    mean = number(float(found.mean()), form)
    if len(found) < 2:
        return mean
    return f"{mean} +- {number(float(found.std(ddof=1)), form.lstrip('+'))}"


def p_value(value: float) -> str:
    """A p-value: three decimals, or scientific notation below 0.001."""
    return number(value, ".3f" if value >= 0.001 else ".1e")


def markdown_page(title: str, sections: Iterable[str | Table]) -> str:
    """A page in Markdown: tables, and text such as headings between them."""
    parts = [part if isinstance(part, str) else markdown(part) for part in sections]
    return "\n".join([f"# {title}\n", *parts])


def latex_page(title: str, tables: Iterable[Table]) -> str:
    """Tables in LaTeX below comments with the title and `PACKAGES`."""
    head = f"% Packages needed: {', '.join(PACKAGES)}\n% {title}\n"
    return "\n".join([head, *map(latex, tables)])


def markdown(table: Table) -> str:
    """The table in GitHub's Markdown, below its caption."""
    numbers = len(table.columns) - table.names
    lines = [
        list(map(_markdown, table.columns)),
        ["---"] * table.names + ["---:"] * numbers,
        *_rows(table, _markdown, "**{}**"),
    ]
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{table.caption}\n\n{body}"


def latex(table: Table) -> str:
    """The table as a float with its caption above it; needs `PACKAGES`."""
    alignment = "l" * table.names + "r" * (len(table.columns) - table.names)
    head, *body = [
        " & ".join(line) + " \\\\\n"
        for line in (
            map(_latex, table.columns),
            *_rows(table, _latex, r"\textbf{{{}}}"),
        )
    ]
    return "".join(
        (
            "\\begin{table}\n\\centering\n",
            f"\\caption{{{_latex(table.caption)}}}\n",
            # Shrinks wide tables to the width of the page, and leaves others alone.
            "\\begin{adjustbox}{max width=\\linewidth}\n",
            f"\\begin{{tabular}}{{{alignment}}}\n\\toprule\n",
            f"{head}\\midrule\n{''.join(body)}\\bottomrule\n",
            "\\end{tabular}\n\\end{adjustbox}\n\\end{table}\n",
        )
    )


def _rows(table: Table, escape: Callable[[str], str], bold: str) -> Iterator[list[str]]:
    """The entries as text; ``bold`` is a template."""
    for row in table.rows:
        yield [
            bold.format(escape(entry.text)) if entry.bold else escape(entry.text)
            for entry in row
        ]


def _markdown(text: str) -> str:
    return text.replace("|", r"\|")


def _latex(text: str) -> str:
    """Special characters escaped; signs, and ``+-`` as one, in mathematics."""
    text = text.translate(_LATEX).replace("+-", r"$\pm$")
    return re.sub(r"^([+-])(?=\d)", r"$\1$", text)


def comma_separated(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV with a header; floats in full precision, so that they read back equal."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
