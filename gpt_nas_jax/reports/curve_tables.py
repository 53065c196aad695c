"""The tables and the figure of searches on a tabular benchmark."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gpt_nas_jax.reports import formats, output
from gpt_nas_jax.reports.contrasts import Contrast, contrasts
from gpt_nas_jax.reports.curves import (
    Curves,
    Paired,
    Summary,
    check,
    listed,
    paired,
    summary,
    to_optimum,
)
from gpt_nas_jax.reports.formats import Entry, Table, number, p_value

_EARLY = 100
"""Queries at which strategies are also tested: they differ more there."""


def write(
    folder: Path,
    title: str,
    all_curves: Sequence[Curves],
    counts: Sequence[int],
    against: Sequence[str],
    compared: Mapping[str, Sequence[str]],
    priors: int = 0,
) -> list[Path]:
    """Writes the results of searches as Markdown, LaTeX, CSV and a figure.

    ``table.md``, ``table.tex``, ``table.csv``, ``contrasts.csv`` and ``paired.csv``
    (accuracies in %, one line per strategy and count), ``figure.svg`` and
    ``figure.png``. The same input gives the same bytes.

    Args:
      folder: as of `output.write`.
      title: of the benchmark.
      all_curves: one per data set.
      counts: queries to compare at; those beyond the end of a search are left out.
      against: strategies that the others are tested against, if present.
      compared: strategies, each with those it is compared with in `contrasts`.
      priors: how many the searches share; 0 if none learned one.

    Returns:
      The files, in the order above.

    Raises:
      ValueError: some curves do not fit their table (see `curves.check`); nothing is
        written.
    """
    for curves in all_curves:
        check(curves)
    summaries = [(c.dataset, row) for c in all_curves for row in summary(c, counts)]
    tests = [
        (curves.dataset, test)
        for name in against
        for curves in all_curves
        for test in _tests(curves, name, counts)
    ]
    measure = all_curves[0].measure
    fixed = contrasts(all_curves, compared, counts)
    sections = {
        **{curves.dataset: [_accuracy(curves, counts)] for curves in all_curves},
        "Contrasts": list(_contrasts(fixed, measure, priors)),
        "Paired tests": list(_paired(tests, against, measure)),
        "Queries to the optimum": list(_optimum(all_curves)),
    }
    title = f"{title}, {all_curves[0].seeds} searches of each strategy"
    tables = [table for below in sections.values() for table in below]
    contents = {
        "table.md": formats.markdown_page(title, _headed(sections)),
        "table.tex": formats.latex_page(title, tables),
        "table.csv": _long(Summary, summaries),
        "contrasts.csv": _long(Contrast, fixed),
        "paired.csv": _long(Paired, tests),
    }
    # Importing Matplotlib would double the start-up time of every command.
    from gpt_nas_jax.reports import figure

    pictures = {
        f"figure.{form}": figure.render(all_curves, form) for form in ("svg", "png")
    }
    return output.write(folder, contents | pictures)


def _tests(curves: Curves, against: str, counts: Sequence[int]) -> Iterator[Paired]:
    """At 100 queries and at the largest count; none if ``against`` is absent."""
    if against in curves.accuracy:
        last = listed(counts, curves.queries)[-1]
        for count in sorted({min(_EARLY, last), last}):
            yield from paired(curves, against, count)


def _about(curves: Curves) -> str:
    """The basis of the numbers of one data set, in sentences."""
    seeds = "1 seed" if curves.seeds == 1 else f"{curves.seeds} seeds"
    basis = f"{curves.dataset}: {seeds}; the incumbent is chosen by {curves.selection}."
    if curves.optimum is None:
        return f"{basis} The highest accuracy that was seen is {curves.highest:.2f} %."
    return (
        f"{basis} The best cell by {curves.selection} has {curves.optimum:.2f} % "
        f"{curves.measure}; the highest in the table is {curves.highest:.2f} %."
    )


def _accuracy(curves: Curves, counts: Sequence[int]) -> Table:
    """Strategies below each other, counts side by side."""
    rows = summary(curves, counts)
    counts = listed(counts, curves.queries)
    means = {(row.strategy, row.queries): number(row.mean, ".2f") for row in rows}
    # Compared as printed: equal in print is equally good.
    best = {
        count: max((means[name, count] for name in curves.accuracy), key=float)
        for count in counts
    }
    spread = {(row.strategy, row.queries): number(row.std, ".2f") for row in rows}
    lines = [
        [
            Entry(name),
            *(
                Entry(
                    f"{means[name, count]} +- {spread[name, count]}",
                    bold=means[name, count] == best[count],
                )
                for count in counts
            ),
        ]
        for name in curves.accuracy
    ]
    caption = (
        f"{_about(curves)} {curves.measure.capitalize()} of the incumbent in % by "
        "number of queries: "
        "mean +- standard deviation over seeds; the best mean of a column is bold."
    )
    return Table(caption, ["strategy", *map(str, counts)], lines)


def _contrasts(
    fixed: Sequence[tuple[str, Contrast]], measure: str, priors: int
) -> Iterator[Table]:
    """One table, if strategies of the contrasts are present."""
    counts = sorted({contrast.queries for _, contrast in fixed})
    cells = {
        (dataset, row.strategy, row.against, row.queries): (
            f"{number(row.difference, '+.2f')} ({p_value(row.holm)})"
        )
        for dataset, row in fixed
    }
    lines = [
        [
            *(Entry(name) for name in names),
            *(Entry(cells[*names, count]) for count in counts),
        ]
        for names in dict.fromkeys(key[:3] for key in cells)
    ]
    caption = (
        f"{measure.capitalize()} of a strategy minus that of another with the same "
        "seed, by number of queries: mean in percentage points and, in brackets, "
        "two-sided p of the paired t-test, corrected by Holm's method for the "
        "contrasts of the strategy in one column."
    )
    if priors:
        them = "one prior" if priors == 1 else f"{priors} priors"
        caption += (
            f" The searches that learned before they began share {them}, so p does not "
            "cover the choice of the prior."
        )
    columns = ["data set", "strategy", "minus", *map(str, counts)]
    if lines:
        yield Table(caption, columns, lines, names=3)


def _paired(
    tests: Sequence[tuple[str, Paired]], against: Sequence[str], measure: str
) -> Iterator[Table]:
    """One table per strategy that the others are tested against."""
    for name in against:
        rows = [
            [
                Entry(dataset),
                Entry(test.strategy),
                Entry(str(test.queries)),
                Entry(number(test.difference, "+.2f")),
                Entry(p_value(test.t_test)),
                Entry(p_value(test.wilcoxon)),
            ]
            for dataset, test in tests
            if test.against == name
        ]
        caption = (
            f"Paired tests against {name}: {measure} minus that of {name} with the "
            "same seed, mean in percentage points; two-sided p of the paired t-test "
            "and of Wilcoxon's signed-rank test, not corrected for their number."
        )
        columns = ["data set", "strategy", "queries", "difference"]
        columns += ["p, t-test", "p, Wilcoxon"]
        if rows:
            yield Table(caption, columns, rows, names=2)


def _optimum(all_curves: Sequence[Curves]) -> Iterator[Table]:
    """One table, if an optimum is known."""
    rows = [
        [
            Entry(curves.dataset),
            Entry(row.strategy),
            Entry(number(100 * row.share, ".1f")),
            Entry(number(row.median, ".1f")),
            Entry(number(row.mean, ".1f")),
        ]
        for curves in all_curves
        for row in to_optimum(curves)
    ]
    caption = (
        "Queries to the optimum, the best cell by the selection: the share of seeds "
        "that evaluated it, and the median and mean of queries among them."
    )
    columns = ["data set", "strategy", "seeds in %", "median", "mean"]
    if rows:
        yield Table(caption, columns, rows, names=2)


def _headed(sections: Mapping[str, Sequence[Table]]) -> Iterator[str | Table]:
    """Every heading that has tables, followed by them."""
    for heading, tables in sections.items():
        if tables:
            yield f"## {heading}\n"
            yield from tables


def _long(
    row_type: type[Summary] | type[Paired] | type[Contrast],
    rows: Sequence[tuple[str, Summary | Paired | Contrast]],
) -> str:
    """CSV with one line per row, beginning with the data set's name."""
    columns = ["dataset", *(field.name for field in dataclasses.fields(row_type))]
    lines = ((dataset, *dataclasses.astuple(row)) for dataset, row in rows)
    return formats.comma_separated(columns, lines)
