"""Figure 2: training the proposed blocks alone against training all."""

from pathlib import Path

import numpy as np

from gpt_nas_jax.reports.agreement import LEVEL
from gpt_nas_jax.reports.formats import Entry, Table, number, p_value, spread
from gpt_nas_jax.reports.paper import published, writing
from gpt_nas_jax.reports.paper.measured import Measured
from gpt_nas_jax.reports.paper.writing import interval
from gpt_nas_jax.reports.pearson import Correlation, pearson

Matrix = list[list[Correlation]]

_PROPOSED, _ALL = 0, 1


def write(folder: Path, measured: Measured) -> list[Path]:
    """Writes matrix and heat map and returns their files."""
    pooled = matrix(measured.pooled())
    seeds = [matrix(measured.networks(s)) for s in range(len(measured.accuracies))]
    rates = [f"{rate:g}" for rate in measured.plan.rates]
    values = np.array([[cell.r.value for cell in line] for line in pooled])
    # Importing Matplotlib would double the start-up time of every command.
    from gpt_nas_jax.reports import figure

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
    tables = [_matrix(measured, pooled), _diagonal(measured, pooled, seeds)]
    rows = _long(measured, pooled, seeds)
    return writing.write(folder, "Figure 2", tables, rows, pictures)


def matrix(accuracies: np.ndarray) -> Matrix:
    """Correlates training proposed blocks at rate i with training all at rate j.

    Args:
      accuracies: ``float64[N, rates, 2, epochs]``, of which the last epochs are read.
    """
    last = accuracies[..., -1]
    rates = range(last.shape[1])
    return [
        [pearson(last[:, i, _PROPOSED], last[:, j, _ALL]) for j in rates] for i in rates
    ]


def _matrix(measured: Measured, pooled: Matrix) -> Table:
    rates = [f"{rate:g}" for rate in measured.plan.rates]
    lines = [
        [
            Entry(rates[i]),
            *(
                Entry(number(cell.r.value, ".2f"), bold=i == j)
                for j, cell in enumerate(line)
            ),
        ]
        for i, line in enumerate(pooled)
    ]
    caption = (
        "Figure 2: Pearson's r, over the networks, of accuracy with the proposed "
        "blocks trained alone at the rate of the row and with all trained at that of "
        f"the column. {writing.about(measured)} {measured.plan.epochs[-1]} epochs "
        "each. Where no block of a network was proposed, its BatchNorm is trained "
        "alone. The diagonal is bold; the paper's lies above "
        f"{published.FIGURE_2_DIAGONAL} on CIFAR-10 and CIFAR-100."
    )
    return Table(caption, ["proposed, all", *rates], lines)


def _diagonal(measured: Measured, pooled: Matrix, seeds: list[Matrix]) -> Table:
    means = measured.pooled()[..., -1].mean(0)
    lines = [
        [
            Entry(f"{rate:g}"),
            Entry(f"{means[i, _PROPOSED]:.4f}"),
            Entry(f"{means[i, _ALL]:.4f}"),
            Entry(number(pooled[i][i].r.value, ".4f")),
            Entry(interval(pooled[i][i].r)),
            Entry(p_value(pooled[i][i].p)),
            Entry(spread([seed[i][i].r.value for seed in seeds], ".4f")),
            Entry(f"> {published.FIGURE_2_DIAGONAL}"),
        ]
        for i, rate in enumerate(measured.plan.rates)
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
    measured: Measured, pooled: Matrix, seeds: list[Matrix]
) -> tuple[list[str], list[list[object]]]:
    """CSV with one line per pair of rates and seed, and one for all seeds together."""
    columns = ["dataset", "rate_proposed", "rate_all", "seed", "networks", "r"]
    rates = measured.plan.rates
    lines = [
        [
            measured.dataset,
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
