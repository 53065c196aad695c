"""Table IV: accuracy of initial networks by the rate of elimination."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gpt_nas_jax.reports.contrasts import holm
from gpt_nas_jax.reports.formats import Entry, Table, number, p_value, spread
from gpt_nas_jax.reports.paper import published, table4_controls, writing
from gpt_nas_jax.reports.paper.changes import Change, compare
from gpt_nas_jax.reports.paper.measured import Measured
from gpt_nas_jax.reports.paper.writing import EMPTY


@dataclasses.dataclass(frozen=True)
class RateRow:
    """One elimination rate compared with rate 0, over the networks of all seeds.

    Attributes:
      rate: of elimination.
      means: accuracy in [0, 1] of each seed's networks.
      change: from rate 0.
    """

    rate: float
    means: tuple[float, ...]
    change: Change


def write(
    folder: Path, measured: Measured, controls: Mapping[str, Measured] | None = None
) -> list[Path]:
    """Writes the table, and one of the controls if there are any.

    Args:
      folder: as of `output.write`.
      measured: at all rates, the first of which is 0.
      controls: name -> the same networks at the other rates, filled by a control.

    Returns:
      The files.
    """
    found = rows(measured)
    tables = [_table(measured, found)]
    columns, lines = _long(measured, found)
    if controls:
        compared = table4_controls.rows(measured, controls)
        tables.append(table4_controls.table(measured, compared))
        lines += table4_controls.lines(measured, compared)
    return writing.write(folder, "Table IV", tables, (columns, lines))


def rows(measured: Measured) -> list[RateRow]:
    """One row per rate, the first of which is 0."""
    seeds = range(len(measured.accuracies))
    accuracy = measured.pooled()[:, :, 0, -1]
    means = np.array([measured.networks(s)[:, :, 0, -1].mean(0) for s in seeds])
    return [
        RateRow(
            rate,
            tuple(means[:, index].tolist()),
            compare(accuracy[:, index], accuracy[:, 0]),
        )
        for index, rate in enumerate(measured.plan.rates)
    ]


def _table(measured: Measured, found: Sequence[RateRow]) -> Table:
    best = max(np.mean(row.means) for row in found)
    # Rate 0 is compared with the others, not with itself.
    corrected = [math.nan, *holm([row.change.t_test for row in found[1:]])]
    lines = []
    for row, p in zip(found, corrected, strict=True):
        first, change = row.rate == 0, row.change
        lines.append(
            [
                Entry(f"{row.rate:g}"),
                Entry(spread(row.means, ".4f"), bold=np.mean(row.means) == best),
                Entry(EMPTY if first else change.counts),
                Entry(EMPTY if first else number(change.difference, "+.4f")),
                Entry(EMPTY if first else p_value(change.t_test)),
                Entry(EMPTY if first else p_value(change.wilcoxon)),
                Entry(EMPTY if first else p_value(p)),
                *_published(row, measured.dataset),
            ]
        )
    caption = (
        f"Table IV: initial networks by elimination rate. {writing.about(measured)} "
        f"Every network is trained whole for {measured.plan.epochs[-1]} epochs. "
        "Mean accuracy (+- standard deviation of the seeds' means, where there are "
        "several); networks better/equal/worse than at rate 0, to four digits; mean "
        "difference from rate 0 with two-sided p over the networks, the t-test's also "
        "corrected by Holm's method. Paper: means of 15 networks after 90 epochs; the "
        "last column is ours minus the paper's on the same data set."
    )
    columns = ["rate", measured.dataset, "+/=/-", "from rate 0", "p, t-test"]
    columns += ["p, Wilcoxon", "p, Holm"]
    for name in published.TABLE_4:
        columns += [f"paper, {name}", "paper +/=/-"]
    return Table(caption, [*columns, "ours - paper"], lines)


def _published(row: RateRow, dataset: str) -> list[Entry]:
    entries, difference = [], EMPTY
    for name, column in published.TABLE_4.items():
        theirs = column.get(row.rate)
        entries.append(Entry(EMPTY if theirs is None else f"{theirs.accuracy:.4f}"))
        entries.append(Entry(EMPTY if theirs is None else theirs.counts))
        if theirs is not None and name == dataset:
            difference = f"{np.mean(row.means) - theirs.accuracy:+.4f}"
    return [*entries, Entry(difference)]


def _long(
    measured: Measured, found: Sequence[RateRow]
) -> tuple[list[str], list[list[object]]]:
    """CSV with one line per rate and seed, and one per rate for all seeds together."""
    columns = ["dataset", "rate", "proposer", "against", "seed", "epochs", "accuracy"]
    columns += ["better", "equal", "worse", "difference", "p_t_test", "p_wilcoxon"]
    lines: list[list[object]] = []
    for row in found:
        head = [measured.dataset, row.rate, "gpt_nas"]
        epochs = measured.plan.epochs[-1]
        for seed, mean in enumerate(row.means):
            lines.append([*head, None, seed, epochs, mean, *[None] * 7])
        theirs = published.TABLE_4.get(measured.dataset, {}).get(row.rate)
        against, compared = "rate 0", dataclasses.astuple(row.change)
        if row.rate == 0:
            against, compared = None, (None,) * 6
        mean = float(np.mean(row.means))
        paper = None if theirs is None else theirs.accuracy
        lines.append([*head, against, "all", epochs, mean, *compared, paper])
    return [*columns, "paper"], lines
