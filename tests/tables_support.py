"""Reads tables back from CSV, Markdown and LaTeX files."""

import csv
import re
from pathlib import Path


def lines_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, by column name."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def markdown_tables(path: Path) -> list[list[list[str]]]:
    """All tables of a page, header row first, without the separator rows."""
    blocks = re.findall(r"(?:^\|.*\n)+", path.read_text(encoding="utf-8"), re.MULTILINE)
    tables = [[row[2:-2].split(" | ") for row in b.splitlines()] for b in blocks]
    return [[head, *rows] for head, _, *rows in tables]


def latex_tables(path: Path) -> list[list[list[str]]]:
    """All tables in the same form, without LaTeX markup."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\\textbf\{(.*?)\}", r"**\1**", text)
    for markup, plain in (
        *((r"$\pm$", "+-"), ("$", ""), (r"\_", "_"), (r"\%", "%")),
        (r"\textgreater{}", ">"),
    ):
        text = text.replace(markup, plain)
    bodies = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL)
    return [
        [row[:-3].split(" & ") for row in body.splitlines() if row != r"\midrule"]
        for body in bodies
    ]
