"""Table V: accuracy after few epochs against accuracy after more."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gpt_nas_jax.reports.agreement import LEVEL
from gpt_nas_jax.reports.formats import Entry, Table, number, p_value, spread
from gpt_nas_jax.reports.paper import published, writing
from gpt_nas_jax.reports.paper.measured import Measured
from gpt_nas_jax.reports.paper.writing import EMPTY, interval
from gpt_nas_jax.reports.pearson import Correlation, pearson


@dataclasses.dataclass(frozen=True)
class EpochRow:
    """Accuracy after ``few`` epochs against that after ``more``.

    Attributes:
      few: epochs.
      more: epochs.
      pooled: over the networks of all seeds.
      seeds: over those of each.
    """

    few: int
    more: int
    pooled: Correlation
    seeds: tuple[Correlation, ...]


def write(folder: Path, measured: Measured) -> list[Path]:
    """Writes the table and returns its files."""
    found = rows(measured)
    tables = [_table(measured, found)]
    return writing.write(folder, "Table V", tables, _long(measured, found))


def rows(measured: Measured) -> list[EpochRow]:
    """The fewest epochs against each larger number of them."""
    parts = list(map(measured.networks, range(len(measured.accuracies))))

    def correlation(accuracies: np.ndarray, index: int) -> Correlation:
        return pearson(accuracies[:, 0, 0, 0], accuracies[:, 0, 0, index])

    few, *later = measured.plan.epochs
    return [
        EpochRow(
            few,
            more,
            correlation(measured.pooled(), index),
            tuple(correlation(part, index) for part in parts),
        )
        for index, more in enumerate(later, start=1)
    ]


def _table(measured: Measured, found: Sequence[EpochRow]) -> Table:
    lines = []
    for row in found:
        theirs = _theirs(measured.dataset, row)
        r = row.pooled.r.value
        lines.append(
            [
                Entry(f"here, {measured.dataset}"),
                Entry(str(row.few)),
                Entry(str(row.more)),
                Entry(str(row.pooled.networks)),
                Entry(number(r, ".4f")),
                Entry(interval(row.pooled.r)),
                Entry(p_value(row.pooled.p)),
                Entry(spread([seed.r.value for seed in row.seeds], ".4f")),
                Entry(EMPTY if theirs is None else number(r - theirs[0], "+.4f")),
            ]
        )
    for name, column in published.TABLE_5.items():
        for (few, more), (r, p) in column.items():
            texts = [f"paper, {name}", str(few), str(more), EMPTY, f"{r:.4f}", EMPTY]
            lines.append(list(map(Entry, [*texts, p_value(p), EMPTY, EMPTY])))
    means = ", ".join(
        f"{mean:.4f} after {epochs}"
        for epochs, mean in zip(
            measured.plan.epochs, measured.pooled()[:, 0, 0].mean(0), strict=True
        )
    )
    caption = (
        f"Table V: Pearson's r of accuracy after few epochs and after more. "
        f"{writing.about(measured)} Mean accuracy: {means} epochs. In brackets {LEVEL} "
        "% intervals of 1,000 resamples of the networks; p is two-sided; by seed: mean "
        "of the seeds' r (+- standard deviation, where there are several). Difference: "
        "ours minus the paper's for the same data set and epochs."
    )
    columns = ["where", "epochs", "against", "networks", "r", "interval", "p"]
    return Table(caption, [*columns, "r by seed", "ours - paper"], lines)


def _theirs(dataset: str, row: EpochRow) -> tuple[float, float] | None:
    return published.TABLE_5.get(dataset, {}).get((row.few, row.more))


def _long(
    measured: Measured, found: Sequence[EpochRow]
) -> tuple[list[str], list[list[object]]]:
    """CSV with one line per pair of epochs and seed, and one for all seeds together."""
    columns = ["dataset", "epochs", "against", "seed", "networks", "r", "r_low"]
    columns += ["r_high", "p", "paper_r", "paper_p"]
    lines: list[list[object]] = []
    for row in found:
        paper = _theirs(measured.dataset, row) or (None, None)
        for seed, one in [*enumerate(row.seeds), ("all", row.pooled)]:
            head = [measured.dataset, row.few, row.more, seed, one.networks]
            beside = paper if seed == "all" else (None, None)
            lines.append([*head, *dataclasses.astuple(one.r), one.p, *beside])
    return columns, lines
