"""Table IV: accuracy of initial networks by the rate of elimination."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gpt_nas_jax.config import Config
from gpt_nas_jax.reports.curves import p_values
from gpt_nas_jax.reports.formats import Cell, Table, number, p_value
from gpt_nas_jax.reports.paper import published, writing
from gpt_nas_jax.reports.paper.measured import Measured, Plan
from gpt_nas_jax.reports.paper.writing import EMPTY, spread
from gpt_nas_jax.stages.paper import trainings

_DIGITS = 4


@dataclasses.dataclass(frozen=True)
class Row:
    """One rate beside rate 0, over the networks of all seeds.

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


def run(config: Config) -> None:
    """Trains what is missing and writes the table.

    Raises:
      UsageError: an input cannot be used.
    """
    plan = Plan(
        config.tables.elimination_rates(), ("all",), (config.eval.recipe.epochs,)
    )
    write(config, trainings.run(config, plan))


def write(config: Config, outcome: Measured) -> None:
    """Writes what trainings came to into the workdir."""
    found = rows(outcome)
    writing.write(config, "Table IV", [_table(outcome, found)], _long(outcome, found))


def rows(outcome: Measured) -> list[Row]:
    """Every rate, the first of which is 0."""
    seeds = range(len(outcome.accuracies))
    accuracy = outcome.pooled()[:, :, 0, -1]
    means = np.array([outcome.networks(s)[:, :, 0, -1].mean(0) for s in seeds])
    # In round numbers equal is equal.
    signs = np.sign((accuracy.round(_DIGITS) - accuracy[:, :1].round(_DIGITS)).round(9))
    return [
        Row(
            rate,
            tuple(means[:, index].tolist()),
            *(int((signs[:, index] == sign).sum()) for sign in (1, 0, -1)),
            float((accuracy[:, index] - accuracy[:, 0]).mean()),
            *p_values(accuracy[:, index], accuracy[:, 0]),
        )
        for index, rate in enumerate(outcome.plan.rates)
    ]


def _table(outcome: Measured, found: Sequence[Row]) -> Table:
    best = max(np.mean(row.means) for row in found)
    lines = []
    for row in found:
        # Rate 0 is compared with the others, not with itself.
        first = row.rate == 0
        lines.append(
            [
                Cell(f"{row.rate:g}"),
                Cell(spread(row.means, ".4f"), bold=np.mean(row.means) == best),
                Cell(EMPTY if first else f"{row.better}/{row.equal}/{row.worse}"),
                Cell(EMPTY if first else number(row.difference, "+.4f")),
                Cell(EMPTY if first else p_value(row.t_test)),
                Cell(EMPTY if first else p_value(row.wilcoxon)),
                *_published(row, outcome.dataset),
            ]
        )
    caption = (
        f"Table IV: initial networks by elimination rate. {writing.about(outcome)} "
        f"Every network is trained whole for {outcome.plan.epochs[-1]} epochs. "
        "Mean accuracy (+- standard deviation of the seeds' means, where there are "
        "several); networks better/equal/worse than at rate 0, to four digits; mean "
        "difference from rate 0 with two-sided p over the networks. Paper: means of 15 "
        "networks after 90 epochs; the last column is ours minus the paper's on the "
        "same data set."
    )
    columns = ["rate", outcome.dataset, "+/=/-", "from rate 0", "p, t-test"]
    columns += ["p, Wilcoxon"]
    for name in published.TABLE_4:
        columns += [f"paper, {name}", "paper +/=/-"]
    return Table(caption, [*columns, "ours - paper"], lines)


def _published(row: Row, dataset: str) -> list[Cell]:
    cells, difference = [], EMPTY
    for name, column in published.TABLE_4.items():
        theirs = column.get(row.rate)
        cells.append(Cell(EMPTY if theirs is None else f"{theirs.accuracy:.4f}"))
        cells.append(Cell(EMPTY if theirs is None else theirs.counts))
        if theirs is not None and name == dataset:
            difference = f"{np.mean(row.means) - theirs.accuracy:+.4f}"
    return [*cells, Cell(difference)]


def _long(
    outcome: Measured, found: Sequence[Row]
) -> tuple[list[str], list[list[object]]]:
    """One line a rate and seed, and one a rate for all seeds together."""
    columns = ["dataset", "rate", "seed", "epochs", "accuracy", "better", "equal"]
    columns += ["worse", "difference", "p_t_test", "p_wilcoxon", "paper"]
    lines: list[list[object]] = []
    for row in found:
        head = [outcome.dataset, row.rate]
        epochs = outcome.plan.epochs[-1]
        for seed, mean in enumerate(row.means):
            lines.append([*head, seed, epochs, mean, *[None] * 7])
        theirs = published.TABLE_4.get(outcome.dataset, {}).get(row.rate)
        counts = [row.better, row.equal, row.worse]
        tests = [row.difference, row.t_test, row.wilcoxon]
        compared = [None] * 6 if row.rate == 0 else [*counts, *tests]
        mean = float(np.mean(row.means))
        paper = None if theirs is None else theirs.accuracy
        lines.append([*head, "all", epochs, mean, *compared, paper])
    return columns, lines
