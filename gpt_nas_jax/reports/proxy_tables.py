"""The tables of zero-cost proxies."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from gpt_nas_jax.reports import formats, output
from gpt_nas_jax.reports.agreement import LEVEL, Estimate
from gpt_nas_jax.reports.formats import Entry, Table, number
from gpt_nas_jax.reports.proxy_statistics import (
    DRAWS,
    RESAMPLES,
    ProxyRow,
    ScoredNetworks,
    drawn,
    rows,
)
from gpt_nas_jax.types import Key

PUBLISHED_SEARCH = (92.96, 69.98, 44.44)
"""Test accuracy of NASWOT's choice of 1,000 networks in % (arXiv 2006.04647)."""


def write(folder: Path, scored: ScoredNetworks, key: Key) -> list[Path]:
    """Writes ``proxies.md``, ``proxies.tex`` and ``proxies.csv``.

    Args:
      folder: as of `output.write`.
      scored: the networks.
      key: decides which networks the searches draw.

    Returns:
      The files, in the order above.
    """
    found = list(rows(scored, key))
    tables = [_spearman(scored, found), _kendall(scored, found), _search(scored, found)]
    title = f"Zero-cost proxies on NAS-Bench-201, {scored.count} networks"
    contents = {
        "proxies.md": formats.markdown_page(title, tables),
        "proxies.tex": formats.latex_page(title, tables),
        "proxies.csv": _long(found, scored.count),
    }
    return output.write(folder, contents)


def _spearman(scored: ScoredNetworks, found: Sequence[ProxyRow]) -> Table:
    compared = _compared(
        found,
        lambda row: row.agreement.spearman.value,
        lambda row: _interval(row.agreement.spearman),
    )
    published = {
        (row.proxy, row.dataset): Entry(number(row.published, ".2f")) for row in found
    }
    lines = [
        [
            Entry(proxy),
            *(
                beside
                for dataset, entry in entries.items()
                for beside in (entry, published[proxy, dataset])
            ),
        ]
        for proxy, entries in compared.items()
    ]
    caption = (
        f"Spearman's rho of scores and test accuracies. {_about(scored)} Published: "
        "rho as others report it, on initialisations, images and cells of their own "
        "(such as arXiv 2301.11300 and 2210.03230)."
    )
    columns = [name for dataset in scored.accuracies for name in (dataset, "published")]
    return Table(caption, ["proxy", *columns], lines)


def _kendall(scored: ScoredNetworks, found: Sequence[ProxyRow]) -> Table:
    compared = _compared(
        found,
        lambda row: row.agreement.kendall.value,
        lambda row: _interval(row.agreement.kendall),
    )
    counts = {row.proxy: (row.degenerate, row.ties) for row in found}
    lines = [
        [
            Entry(proxy),
            *entries.values(),
            *(Entry(f"{count:,}") for count in counts[proxy]),
        ]
        for proxy, entries in compared.items()
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


def _search(scored: ScoredNetworks, found: Sequence[ProxyRow]) -> Table:
    compared = _compared(
        found,
        lambda row: row.search_mean,
        lambda row: f"{row.search_mean:.2f} +- {row.search_std:.2f}",
    )
    lines = [[Entry(proxy), *entries.values()] for proxy, entries in compared.items()]
    published = (Entry(number(mean, ".2f")) for mean in PUBLISHED_SEARCH)
    lines.append([Entry("naswot, published"), *published])
    caption = (
        "Search by the proxy alone: test accuracy in % of the network with the highest "
        f"score of {drawn(scored.count):,}, mean +- standard deviation over {DRAWS} "
        f"draws without replacement from the {scored.count:,}; the best mean of a "
        "column is bold. Published: NASWOT of 1,000 networks (arXiv 2006.04647)."
    )
    return Table(caption, ["proxy", *scored.accuracies], lines)


def _compared(
    found: Sequence[ProxyRow],
    value: Callable[[ProxyRow], float],
    text: Callable[[ProxyRow], str],
) -> dict[str, dict[str, Entry]]:
    """Proxy -> data set -> entry; the highest value of a data set is bold."""
    shown = {row: number(value(row), ".2f") for row in found}
    best: dict[str, float] = {}
    for row in found:
        # Compared as printed: equal in print is equally good. "-" is no value.
        if shown[row] != "-":
            highest = best.get(row.dataset, -math.inf)
            best[row.dataset] = max(highest, float(shown[row]))
    entries: dict[str, dict[str, Entry]] = {}
    for row in found:
        bold = shown[row] != "-" and float(shown[row]) == best[row.dataset]
        entries.setdefault(row.proxy, {})[row.dataset] = Entry(text(row), bold)
    return entries


def _about(scored: ScoredNetworks) -> str:
    """The basis of the coefficients, in sentences."""
    return (
        f"{scored.count:,} networks, scored on {scored.source}, in "
        f"{scored.seconds:.2f} s each (median, all proxies together). In brackets "
        f"{LEVEL} % intervals of {RESAMPLES:,} resamples of the networks; the highest "
        "value of a column is bold."
    )


def _interval(estimate: Estimate) -> str:
    value, low, high = (number(part, ".2f") for part in dataclasses.astuple(estimate))
    return value if value == "-" else f"{value} [{low}, {high}]"


def _long(found: Sequence[ProxyRow], networks: int) -> str:
    """CSV with one line per proxy and data set."""
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
        for row in found
    )
    return formats.comma_separated(columns, lines)
