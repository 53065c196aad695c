"""The files of a table or figure of the paper."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.reports import formats
from gpt_nas_jax.reports.formats import Table
from gpt_nas_jax.reports.paper.measured import Measured

EMPTY = ""
"""What stands for something that was not run, or that the paper does not give."""


def write(
    config: Config,
    title: str,
    tables: Sequence[Table],
    rows: tuple[Sequence[str], Sequence[Sequence[object]]],
    pictures: Mapping[str, bytes] | None = None,
) -> None:
    """Writes ``table.md``, ``table.tex``, ``table.csv`` and pictures, and prints all.

    Args:
      config: says where: ``tables/`` of its workdir.
      title: the head of them.
      tables: for people.
      rows: columns and lines of the CSV; None is an empty cell.
      pictures: further files by their names.
    """
    folder = Path(config.workdir) / "tables"
    head = f"% Packages needed: {', '.join(formats.PACKAGES)}\n% {title}\n"
    markdown = "\n".join([f"# {title}\n", *map(formats.markdown, tables)])
    contents = {
        "table.md": markdown.encode(),
        "table.tex": "\n".join([head, *map(formats.latex, tables)]).encode(),
        "table.csv": formats.comma_separated(*rows).encode(),
        **(pictures or {}),
    }
    for name, data in contents.items():
        workdir.write_bytes(folder / name, data)
    print(markdown)
    print("written:", ", ".join(str(folder / name) for name in contents))


def spread(values: Sequence[float], form: str, factor: float = 1.0) -> str:
    """Mean over seeds, ``+-`` standard deviation with n - 1 where there are more."""
    found = factor * np.asarray(values, np.float64)
    mean = formats.number(float(found.mean()), form)
    if len(found) < 2:
        return mean
    return f"{mean} +- {formats.number(float(found.std(ddof=1)), form.lstrip('+'))}"


def about(outcome: Measured) -> str:
    """What the numbers of trainings rest on, in sentences."""
    seeds, networks = outcome.accuracies.shape[:2]
    repeated = "1 seed" if seeds == 1 else f"{seeds} seeds"
    text = (
        f"{outcome.dataset}: {repeated} of {networks} initial networks each; accuracy "
        f"on {outcome.images:,} validation images, which no training sees; "
        f"{outcome.days:.4f} device-days of training."
    )
    if outcome.failed:
        text += f" {outcome.failed} networks failed in a training and are left out."
    return text
