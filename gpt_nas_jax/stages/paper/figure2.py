"""Figure 2: training the proposed blocks alone against training all."""

import numpy as np

from gpt_nas_jax.config import Config
from gpt_nas_jax.reports import figure
from gpt_nas_jax.reports.agreement import LEVEL
from gpt_nas_jax.reports.formats import Cell, Table, number, p_value
from gpt_nas_jax.reports.paper import published, writing
from gpt_nas_jax.reports.paper.measured import Measured, Plan
from gpt_nas_jax.reports.paper.writing import spread
from gpt_nas_jax.reports.pearson import Correlation, pearson
from gpt_nas_jax.stages.paper import trainings
from gpt_nas_jax.stages.paper.table5 import interval

Matrix = list[list[Correlation]]

_PROPOSED, _ALL = 0, 1


def run(config: Config) -> None:
    """Trains what is missing and writes matrix and heat map.

    Raises:
      UsageError: an input cannot be used.
    """
    plan = Plan(
        config.tables.elimination_rates(),
        ("proposed", "all"),
        (config.eval.recipe.epochs,),
    )
    write(config, trainings.run(config, plan))


def write(config: Config, outcome: Measured) -> None:
    """Writes what trainings came to into the workdir."""
    pooled = matrix(outcome.pooled())
    seeds = [matrix(outcome.networks(s)) for s in range(len(outcome.accuracies))]
    rates = [f"{rate:g}" for rate in outcome.plan.rates]
    values = np.array([[cell.r.value for cell in line] for line in pooled])
    pictures = {
        f"figure.{form}": figure.heat_map(
            values,
            rates,
            ("all blocks trained, rate", "proposed blocks trained, rate"),
            "Pearson's r",
            form,
        )
        for form in ("svg", "png")
    }
    tables = [_matrix(outcome, pooled), _diagonal(outcome, pooled, seeds)]
    rows = _long(outcome, pooled, seeds)
    writing.write(config, "Figure 2", tables, rows, pictures)


def matrix(accuracies: np.ndarray) -> Matrix:
    """Proposed blocks trained at rate i against all at rate j, over the networks.

    Args:
      accuracies: ``float64[N, rates, 2, epochs]``; the last epochs count.
    """
    last = accuracies[..., -1]
    rates = range(last.shape[1])
    return [
        [pearson(last[:, i, _PROPOSED], last[:, j, _ALL]) for j in rates] for i in rates
    ]


def _matrix(outcome: Measured, pooled: Matrix) -> Table:
    rates = [f"{rate:g}" for rate in outcome.plan.rates]
    lines = [
        [
            Cell(rates[i]),
            *(
                Cell(number(cell.r.value, ".2f"), bold=i == j)
                for j, cell in enumerate(line)
            ),
        ]
        for i, line in enumerate(pooled)
    ]
    caption = (
        "Figure 2: Pearson's r, over the networks, of accuracy with the proposed "
        "blocks trained alone at the rate of the row and with all trained at that of "
        f"the column. {writing.about(outcome)} {outcome.plan.epochs[-1]} epochs each. "
        "Where no block of a network was proposed, its BatchNorm is trained alone. The "
        "diagonal is bold; the paper's lies above "
        f"{published.FIGURE_2_DIAGONAL} on CIFAR-10 and CIFAR-100."
    )
    return Table(caption, ["proposed, all", *rates], lines)


def _diagonal(outcome: Measured, pooled: Matrix, seeds: list[Matrix]) -> Table:
    means = outcome.pooled()[..., -1].mean(0)
    lines = [
        [
            Cell(f"{rate:g}"),
            Cell(f"{means[i, _PROPOSED]:.4f}"),
            Cell(f"{means[i, _ALL]:.4f}"),
            Cell(number(pooled[i][i].r.value, ".4f")),
            Cell(interval(pooled[i][i].r)),
            Cell(p_value(pooled[i][i].p)),
            Cell(spread([seed[i][i].r.value for seed in seeds], ".4f")),
            Cell(f"> {published.FIGURE_2_DIAGONAL}"),
        ]
        for i, rate in enumerate(outcome.plan.rates)
    ]
    caption = (
        f"The diagonal: {pooled[0][0].networks} networks, mean accuracy with the "
        "proposed blocks trained alone and with all, and how far the two agree. In "
        f"brackets {LEVEL} % intervals of 1,000 resamples of the networks; p is "
        "two-sided; by seed: mean of the seeds' r (+- standard deviation, where there "
        "are several)."
    )
    columns = ["rate", "proposed", "all", "r", "interval", "p", "r by seed", "paper"]
    return Table(caption, columns, lines)


def _long(
    outcome: Measured, pooled: Matrix, seeds: list[Matrix]
) -> tuple[list[str], list[list[object]]]:
    """One line a pair of rates and seed, and one for all seeds together."""
    columns = ["dataset", "rate_proposed", "rate_all", "seed", "networks", "r"]
    rates = outcome.plan.rates
    lines = [
        [
            outcome.dataset,
            rates[i],
            rates[j],
            seed,
            cell.networks,
            cell.r.value,
            cell.r.low,
            cell.r.high,
            cell.p,
        ]
        for seed, found in [*enumerate(seeds), ("all", pooled)]
        for i, line in enumerate(found)
        for j, cell in enumerate(line)
    ]
    return [*columns, "r_low", "r_high", "p"], lines
