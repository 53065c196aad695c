"""Table V: accuracy after few epochs against accuracy after more."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gpt_nas_jax.config import Config
from gpt_nas_jax.reports.agreement import LEVEL, Estimate
from gpt_nas_jax.reports.formats import Cell, Table, number, p_value
from gpt_nas_jax.reports.paper import published, writing
from gpt_nas_jax.reports.paper.measured import Measured, Plan
from gpt_nas_jax.reports.paper.writing import EMPTY, spread
from gpt_nas_jax.reports.pearson import Correlation, pearson
from gpt_nas_jax.stages.paper import trainings


@dataclasses.dataclass(frozen=True)
class Row:
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


def run(config: Config) -> None:
    """Trains what is missing and writes the table.

    One training of each network gives all its accuracies, as the learning rate does
    not depend on where the training ends.

    Raises:
      UsageError: an input cannot be used.
    """
    plan = Plan((0.0,), ("all",), config.tables.measured_epochs())
    write(config, trainings.run(config, plan))


def write(config: Config, outcome: Measured) -> None:
    """Writes what trainings came to into the workdir."""
    found = rows(outcome)
    writing.write(config, "Table V", [_table(outcome, found)], _long(outcome, found))


def rows(outcome: Measured) -> list[Row]:
    """The first epochs against all later ones."""
    parts = list(map(outcome.networks, range(len(outcome.accuracies))))

    def correlation(accuracies: np.ndarray, index: int) -> Correlation:
        return pearson(accuracies[:, 0, 0, 0], accuracies[:, 0, 0, index])

    few, *later = outcome.plan.epochs
    return [
        Row(
            few,
            more,
            correlation(outcome.pooled(), index),
            tuple(correlation(part, index) for part in parts),
        )
        for index, more in enumerate(later, start=1)
    ]


def interval(estimate: Estimate) -> str:
    """An interval's ends, with two decimals."""
    ends = number(estimate.low, ".2f"), number(estimate.high, ".2f")
    return f"[{', '.join(ends)}]"


def _table(outcome: Measured, found: Sequence[Row]) -> Table:
    lines = []
    for row in found:
        theirs = _theirs(outcome.dataset, row)
        r = row.pooled.r.value
        lines.append(
            [
                Cell(f"here, {outcome.dataset}"),
                Cell(str(row.few)),
                Cell(str(row.more)),
                Cell(str(row.pooled.networks)),
                Cell(number(r, ".4f")),
                Cell(interval(row.pooled.r)),
                Cell(p_value(row.pooled.p)),
                Cell(spread([seed.r.value for seed in row.seeds], ".4f")),
                Cell(EMPTY if theirs is None else number(r - theirs[0], "+.4f")),
            ]
        )
    for name, column in published.TABLE_5.items():
        for (few, more), (r, p) in column.items():
            cells = [f"paper, {name}", str(few), str(more), EMPTY, f"{r:.4f}", EMPTY]
            lines.append(list(map(Cell, [*cells, p_value(p), EMPTY, EMPTY])))
    means = ", ".join(
        f"{mean:.4f} after {epochs}"
        for epochs, mean in zip(
            outcome.plan.epochs, outcome.pooled()[:, 0, 0].mean(0), strict=True
        )
    )
    caption = (
        f"Table V: Pearson's r of accuracy after few epochs and after more. "
        f"{writing.about(outcome)} Mean accuracy: {means} epochs. In brackets {LEVEL} "
        "% intervals of 1,000 resamples of the networks; p is two-sided; by seed: mean "
        "of the seeds' r (+- standard deviation, where there are several). Difference: "
        "ours minus the paper's for the same data set and epochs."
    )
    columns = ["where", "epochs", "against", "networks", "r", "interval", "p"]
    return Table(caption, [*columns, "r by seed", "ours - paper"], lines)


def _theirs(dataset: str, row: Row) -> tuple[float, float] | None:
    return published.TABLE_5.get(dataset, {}).get((row.few, row.more))


def _long(
    outcome: Measured, found: Sequence[Row]
) -> tuple[list[str], list[list[object]]]:
    """One line a pair of epochs and seed, and one for all seeds together."""
    columns = ["dataset", "epochs", "against", "seed", "networks", "r", "r_low"]
    columns += ["r_high", "p", "paper_r", "paper_p"]
    lines: list[list[object]] = []
    for row in found:
        paper = _theirs(outcome.dataset, row) or (None, None)
        for seed, one in [*enumerate(row.seeds), ("all", row.pooled)]:
            head = [outcome.dataset, row.few, row.more, seed, one.networks]
            beside = paper if seed == "all" else (None, None)
            lines.append([*head, *dataclasses.astuple(one.r), one.p, *beside])
    return columns, lines
