"""Table IV: accuracy of initial networks by the rate of elimination."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gpt_nas_jax.reports.curves import p_values
from gpt_nas_jax.reports.formats import Entry, Table, number, p_value, spread
from gpt_nas_jax.reports.paper import published, writing
from gpt_nas_jax.reports.paper.measured import Measured
from gpt_nas_jax.reports.paper.writing import EMPTY

_DIGITS = 4


@dataclasses.dataclass(frozen=True)
class RateRow:
    """One elimination rate compared with rate 0, over the networks of all seeds.

    Attributes:
      rate: of elimination.
      means: accuracy in [0, 1] of each seed's networks.
      better: networks whose accuracy is higher than without elimination.
      equal: to four digits.
      worse: the others.
      difference: mean accuracy minus that without elimination.
      t_test: p of the paired t-test over networks, two-sided.
      wilcoxon: likewise of the signed-rank test.
    """

    rate: float
    means: tuple[float, ...]
    better: int
    equal: int
    worse: int
    difference: float
    t_test: float
    wilcoxon: float


def write(folder: Path, measured: Measured) -> list[Path]:
    """Writes the table and returns its files."""
    found = rows(measured)
    tables = [_table(measured, found)]
    return writing.write(folder, "Table IV", tables, _long(measured, found))


def rows(measured: Measured) -> list[RateRow]:
    """One row per rate, the first of which is 0."""
    seeds = range(len(measured.accuracies))
    accuracy = measured.pooled()[:, :, 0, -1]
    means = np.array([measured.networks(s)[:, :, 0, -1].mean(0) for s in seeds])
    # Rounded, so that equal values compare equal.
    signs = np.sign((accuracy.round(_DIGITS) - accuracy[:, :1].round(_DIGITS)).round(9))
    return [
        RateRow(
            rate,
            tuple(means[:, index].tolist()),
            *(int((signs[:, index] == sign).sum()) for sign in (1, 0, -1)),
            float((accuracy[:, index] - accuracy[:, 0]).mean()),
            *p_values(accuracy[:, index], accuracy[:, 0]),
        )
        for index, rate in enumerate(measured.plan.rates)
    ]


def _table(measured: Measured, found: Sequence[RateRow]) -> Table:
    best = max(np.mean(row.means) for row in found)
    lines = []
    for row in found:
        # Rate 0 is compared with the others, not with itself.
        first = row.rate == 0
        lines.append(
            [
                Entry(f"{row.rate:g}"),
                Entry(spread(row.means, ".4f"), bold=np.mean(row.means) == best),
                Entry(EMPTY if first else f"{row.better}/{row.equal}/{row.worse}"),
                Entry(EMPTY if first else number(row.difference, "+.4f")),
                Entry(EMPTY if first else p_value(row.t_test)),
                Entry(EMPTY if first else p_value(row.wilcoxon)),
                *_published(row, measured.dataset),
            ]
        )
    caption = (
        f"Table IV: initial networks by elimination rate. {writing.about(measured)} "
        f"Every network is trained whole for {measured.plan.epochs[-1]} epochs. "
        "Mean accuracy (+- standard deviation of the seeds' means, where there are "
        "several); networks better/equal/worse than at rate 0, to four digits; mean "
        "difference from rate 0 with two-sided p over the networks. Paper: means of 15 "
        "networks after 90 epochs; the last column is ours minus the paper's on the "
        "same data set."
    )
    columns = ["rate", measured.dataset, "+/=/-", "from rate 0", "p, t-test"]
    columns += ["p, Wilcoxon"]
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
    columns = ["dataset", "rate", "seed", "epochs", "accuracy", "better", "equal"]
    columns += ["worse", "difference", "p_t_test", "p_wilcoxon", "paper"]
    lines: list[list[object]] = []
    for row in found:
        head = [measured.dataset, row.rate]
        epochs = measured.plan.epochs[-1]
        for seed, mean in enumerate(row.means):
            lines.append([*head, seed, epochs, mean, *[None] * 7])
        theirs = published.TABLE_4.get(measured.dataset, {}).get(row.rate)
        counts = [row.better, row.equal, row.worse]
        tests = [row.difference, row.t_test, row.wilcoxon]
        compared = [None] * 6 if row.rate == 0 else [*counts, *tests]
        mean = float(np.mean(row.means))
        paper = None if theirs is None else theirs.accuracy
        lines.append([*head, "all", epochs, mean, *compared, paper])
    return columns, lines
