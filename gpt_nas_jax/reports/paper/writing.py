"""The files of a table or figure of the paper, and what their tables share."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gpt_nas_jax.reports import formats, output
from gpt_nas_jax.reports.agreement import Estimate
from gpt_nas_jax.reports.formats import Table
from gpt_nas_jax.reports.paper.measured import Measured

EMPTY = ""
"""The text of a cell that was not run, or that the paper does not give."""


def write(
    folder: Path,
    title: str,
    tables: Sequence[Table],
    rows: tuple[Sequence[str], Sequence[Sequence[object]]],
    pictures: Mapping[str, bytes] | None = None,
) -> list[Path]:
    """Writes ``table.md``, ``table.tex``, ``table.csv`` and pictures.

    Args:
      folder: as of `output.write`.
      title: of the page and the LaTeX.
      tables: for people.
      rows: columns and lines of the CSV; None is an empty cell.
      pictures: further files by their names.

    Returns:
      The files, in the order above.
    """
    contents = {
        "table.md": formats.markdown_page(title, tables),
        "table.tex": formats.latex_page(title, tables),
        "table.csv": formats.comma_separated(*rows),
        **(pictures or {}),
    }
    return output.write(folder, contents)


def interval(estimate: Estimate) -> str:
    """The ends of an interval, with two decimals."""
    ends = formats.number(estimate.low, ".2f"), formats.number(estimate.high, ".2f")
    return f"[{', '.join(ends)}]"


def about(measured: Measured) -> str:
    """The basis of the numbers of a table, in sentences."""
    seeds, networks = measured.accuracies.shape[:2]
    repeated = "1 seed" if seeds == 1 else f"{seeds} seeds"
    text = (
        f"{measured.dataset}: {repeated} of {networks} initial networks each; accuracy "
        f"on {measured.images:,} validation images, which no training sees; "
        f"{measured.days:.4f} device-days of training."
    )
    if measured.failed:
        text += f" {measured.failed} networks failed in a training and are left out."
    return text
