"""The tables of zero-cost proxies, written to a folder."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.reports import formats
from gpt_nas_jax.reports.agreement import (
    LEVEL,
    Agreement,
    Estimate,
    agreement,
    resample,
)
from gpt_nas_jax.reports.formats import Cell, Table, number
from gpt_nas_jax.types import Key

PUBLISHED: Mapping[str, tuple[float, float, float]] = {
    "params": (0.75, 0.73, 0.69),
    "flops": (0.73, 0.71, 0.67),
    "grad_norm": (0.63, 0.63, 0.58),
    "snip": (0.63, 0.63, 0.58),
    "fisher": (0.55, 0.55, 0.50),
    "synflow": (0.73, 0.76, 0.75),
    "jacob_cov": (0.73, 0.70, 0.70),
    "naswot": (0.77, 0.80, 0.78),
    "zico": (0.80, 0.81, 0.79),
}
"""Spearman's rho as published, on the data sets in their order.

Gathered from comparisons of proxies on this benchmark, for which see ZiCo (arXiv
2301.11300) and NAS-Bench-Suite-Zero (arXiv 2210.03230).
"""

PUBLISHED_SEARCH = (92.96, 69.98, 44.44)
"""Test accuracy of NASWOT's choice of 1,000 networks in % (arXiv 2006.04647)."""

_RESAMPLES, _RESAMPLING_SEED = 1000, 0
_DRAWS, _MOST_DRAWN = 500, 1000


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """N networks with their scores and accuracies.

    Attributes:
      scores: proxy -> ``float64[N]``, higher is better, ``-inf`` where degenerate.
      accuracies: data set -> ``float64[N]`` test accuracies in %.
      seconds: median time in which a network got all its scores.
      source: what it was scored on, for people.
    """

    scores: Mapping[str, np.ndarray]
    accuracies: Mapping[str, np.ndarray]
    seconds: float
    source: str

    @property
    def count(self) -> int:
        """How many networks, N."""
        return len(next(iter(self.accuracies.values())))


@dataclasses.dataclass(frozen=True)
class Row:
    """One proxy on one data set.

    Attributes:
      proxy: its name.
      dataset: the accuracies'.
      agreement: of scores with test accuracies.
      published: Spearman's rho, or nan.
      degenerate: networks without a score.
      ties: networks with a score that another one has, too.
      search_mean: of the test accuracies that `choices` found, in %.
      search_std: likewise; with n - 1.
    """

    proxy: str
    dataset: str
    agreement: Agreement
    published: float
    degenerate: int
    ties: int
    search_mean: float
    search_std: float


def write(folder: Path, scored: Scored, key: Key) -> list[Path]:
    """Writes ``proxies.md``, ``proxies.tex`` and ``proxies.csv``.

    Args:
      folder: made where it is missing; each file is written whole or not at all.
      scored: what is in the tables.
      key: decides which networks the searches draw.

    Returns:
      The files, in the order above.
    """
    rows = list(_rows(scored, key))
    tables = [_spearman(scored, rows), _kendall(scored, rows), _search(scored, rows)]
    title = f"Zero-cost proxies on NAS-Bench-201, {scored.count} networks"
    head = f"% Packages needed: {', '.join(formats.PACKAGES)}\n% {title}\n"
    contents = {
        "proxies.md": "\n".join([f"# {title}\n", *map(formats.markdown, tables)]),
        "proxies.tex": "\n".join([head, *map(formats.latex, tables)]),
        "proxies.csv": _long(rows, scored.count),
    }
    for name, text in contents.items():
        workdir.write_text(folder / name, text)
    return [folder / name for name in contents]


def choices(scores: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """What a search by the scores alone finds in each draw: the highest.

    Args:
      scores: ``float64[N]``.
      draws: ``int[D, M]`` networks in random order; of equals the first is taken.

    Returns:
      ``int[D]`` networks.
    """
    first = scores[draws].argmax(1)
    return np.take_along_axis(draws, first[:, None], 1)[:, 0]


def _drawn(count: int) -> int:
    """Networks of one draw: as many as are published for, yet never most of all."""
    return max(1, min(_MOST_DRAWN, count // 2))


def _rows(scored: Scored, key: Key) -> Iterator[Row]:
    count = scored.count
    resamples = resample(count, _RESAMPLES, _RESAMPLING_SEED)
    keys = jax.random.split(key, _DRAWS)
    shuffled = jax.vmap(jax.random.permutation, (0, None))(keys, count)
    draws = np.asarray(shuffled[:, : _drawn(count)])
    nowhere = (np.nan,) * len(scored.accuracies)
    for name, scores in scored.scores.items():
        there = scores[np.isfinite(scores)]
        shared = np.unique(there, return_counts=True)[1]
        chosen = choices(scores, draws)
        published = PUBLISHED.get(name, nowhere)
        for (dataset, accuracy), rho in zip(
            scored.accuracies.items(), published, strict=True
        ):
            yield Row(
                name,
                dataset,
                agreement(scores, accuracy, resamples),
                rho,
                len(scores) - len(there),
                int(shared[shared > 1].sum()),
                float(accuracy[chosen].mean()),
                float(accuracy[chosen].std(ddof=1)),
            )


def _spearman(scored: Scored, rows: Sequence[Row]) -> Table:
    compared = _compared(
        rows,
        lambda row: row.agreement.spearman.value,
        lambda row: _interval(row.agreement.spearman),
    )
    published = {
        (row.proxy, row.dataset): Cell(number(row.published, ".2f")) for row in rows
    }
    lines = [
        [
            Cell(proxy),
            *(
                beside
                for dataset, cell in cells.items()
                for beside in (cell, published[proxy, dataset])
            ),
        ]
        for proxy, cells in compared.items()
    ]
    caption = (
        f"Spearman's rho of scores and test accuracies. {_about(scored)} Published: "
        "rho as others report it, on initialisations, images and cells of their own "
        "(such as arXiv 2301.11300 and 2210.03230)."
    )
    columns = [name for dataset in scored.accuracies for name in (dataset, "published")]
    return Table(caption, ["proxy", *columns], lines)


def _kendall(scored: Scored, rows: Sequence[Row]) -> Table:
    compared = _compared(
        rows,
        lambda row: row.agreement.kendall.value,
        lambda row: _interval(row.agreement.kendall),
    )
    counts = {row.proxy: (row.degenerate, row.ties) for row in rows}
    lines = [
        [
            Cell(proxy),
            *cells.values(),
            *(Cell(f"{count:,}") for count in counts[proxy]),
        ]
        for proxy, cells in compared.items()
    ]
    caption = (
        f"Kendall's tau-b of scores and test accuracies. {_about(scored)} Degenerate: "
        "networks without a score, ranked lowest. Ties: networks whose score another "
        "one has, too."
    )
    if "az_nas" in compared:
        caption += " AZ-NAS is published at 0.74 (arXiv 2403.19232)."
    columns = ["proxy", *scored.accuracies, "degenerate", "ties"]
    return Table(caption, columns, lines)


def _search(scored: Scored, rows: Sequence[Row]) -> Table:
    compared = _compared(
        rows,
        lambda row: row.search_mean,
        lambda row: f"{row.search_mean:.2f} +- {row.search_std:.2f}",
    )
    lines = [[Cell(proxy), *cells.values()] for proxy, cells in compared.items()]
    published = (Cell(number(mean, ".2f")) for mean in PUBLISHED_SEARCH)
    lines.append([Cell("naswot, published"), *published])
    caption = (
        "Search by the proxy alone: test accuracy in % of the network with the highest "
        f"score of {_drawn(scored.count):,}, mean +- standard deviation over {_DRAWS} "
        f"draws without replacement from the {scored.count:,}; the best mean of a "
        "column is bold. Published: NASWOT of 1,000 networks (arXiv 2006.04647)."
    )
    return Table(caption, ["proxy", *scored.accuracies], lines)


def _compared(
    rows: Sequence[Row], value: Callable[[Row], float], text: Callable[[Row], str]
) -> dict[str, dict[str, Cell]]:
    """Proxy to data set to cell; the highest value of a data set is bold."""
    shown = {row: number(value(row), ".2f") for row in rows}
    best: dict[str, float] = {}
    for row in rows:
        # Of what is shown: equal in print is equally good. A "-" is none.
        if shown[row] != "-":
            highest = best.get(row.dataset, -math.inf)
            best[row.dataset] = max(highest, float(shown[row]))
    cells: dict[str, dict[str, Cell]] = {}
    for row in rows:
        bold = shown[row] != "-" and float(shown[row]) == best[row.dataset]
        cells.setdefault(row.proxy, {})[row.dataset] = Cell(text(row), bold)
    return cells


def _about(scored: Scored) -> str:
    """What the coefficients rest on."""
    return (
        f"{scored.count:,} networks, scored on {scored.source}, in "
        f"{scored.seconds:.2f} s each (median, all proxies together). In brackets "
        f"{LEVEL} % intervals of {_RESAMPLES:,} resamples of the networks; the highest "
        "value of a column is bold."
    )


def _interval(estimate: Estimate) -> str:
    value, low, high = (number(part, ".2f") for part in dataclasses.astuple(estimate))
    return value if value == "-" else f"{value} [{low}, {high}]"


def _long(rows: Sequence[Row], networks: int) -> str:
    """One line a proxy and data set."""
    parts = ("", "_low", "_high")
    columns = [
        *("proxy", "dataset", "networks"),
        *(f"spearman{part}" for part in parts),
        *(f"kendall{part}" for part in parts),
        *("spearman_published", "degenerate", "ties", "search_mean", "search_std"),
    ]
    lines = (
        (
            row.proxy,
            row.dataset,
            networks,
            *dataclasses.astuple(row.agreement.spearman),
            *dataclasses.astuple(row.agreement.kendall),
            *(row.published, row.degenerate, row.ties),
            *(row.search_mean, row.search_std),
        )
        for row in rows
    )
    return formats.comma_separated(columns, lines)
