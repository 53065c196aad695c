"""``comparison.html``: several runs side by side."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.reports.page import learning, state
from gpt_nas_jax.reports.page.candidates import COSTS, best_so_far
from gpt_nas_jax.reports.page.chart import Chart, axis
from gpt_nas_jax.reports.page.rendering import render
from gpt_nas_jax.reports.page.run import Run
from gpt_nas_jax.reports.terminal import short

FILE = "comparison.html"


def write(path: Path, runs: Sequence[Run]) -> Path:
    """Writes the page of several runs into a folder; returns its path.

    Raises:
      UsageError: it cannot be written.
    """
    workdir.write_text(path / FILE, html(runs))
    return path / FILE


def html(runs: Sequence[Run]) -> str:
    """The page of several runs, in this order."""
    return render(
        "comparison.html",
        runs=runs,
        status={run.name: state.status(run) for run in runs},
        figures={run.name: state.costs(run) for run in runs},
        seconds={run.name: state.evaluating(run) for run in runs},
        warnings=list(_warnings(runs)),
        searches=list(_searches(runs)),
        tests=[chart for cost in COSTS if (chart := _tests(runs, cost))],
        training=learning.of_trainings(
            {f"{run.name}: {run.strategy}": run for run in runs}
        ),
        flags=_differing(runs),
        data={},
    )


def _warnings(runs: Sequence[Run]) -> Iterator[str]:
    """Why the runs cannot be compared."""
    if not all(run.same_data(runs[0]) for run in runs):
        data = dict.fromkeys(f"{run.data} {run.folder}".strip() for run in runs)
        yield f"These runs are of different data: {', '.join(data)}."
    measures = sorted({run.measure for run in runs if run.total})
    if len(measures) > 1:
        yield f"These searches measure fitness differently: {'; '.join(measures)}."
    for run in runs:
        for warning in state.warnings(run):
            yield f"{run.name}: {warning}"


def _searches(runs: Sequence[Run]) -> Iterator[Chart]:
    """The best so far, one chart per kind of fitness."""
    for number, measure in enumerate(dict.fromkeys(run.measure for run in runs)):
        some = [
            (place, run)
            for place, run in enumerate(runs)
            if run.measure == measure and run.scored
        ]
        if not some:
            continue
        curves = [(place, run, best_so_far(run)) for place, run in some]
        points = [point for _, _, curve in curves for point in curve]
        chart = Chart(
            f"search-{number}",
            f"The best {measure} so far",
            f"{len(curves)} searches.",
            axis("candidate", [x for x, _ in points]),
            axis(measure, [y for _, y in points]),
            width=1120,
        )
        for place, run, curve in curves:
            name = f"{run.name}: {short(curve[-1][1])}"
            chart = chart.steps(curve, learning.series(place), name)
        yield chart


def _tests(runs: Sequence[Run], cost: str) -> Chart | None:
    """Test accuracy of the trained networks against their cost."""
    some = [
        (place, run, state.costs(run)[cost], run.test_accuracy)
        for place, run in enumerate(runs)
        if run.test_accuracy is not None and state.costs(run).get(cost)
    ]
    if not some:
        return None
    chart = Chart(
        f"test-{cost}",
        f"By {COSTS[cost]}",
        f"{len(some)} trained networks.",
        axis(f"{COSTS[cost]} (logarithmic)", [size for _, _, size, _ in some], True),
        axis("test accuracy", [accuracy for *_, accuracy in some]),
    )
    for place, run, size, accuracy in some:
        name = f"{run.name}: {run.strategy}, {accuracy:.4f}"
        style = f"{learning.series(place)} dot"
        chart = chart.line([(size, accuracy)], style, name)
    return chart


def _differing(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """The flags that differ between runs, with the value in each."""
    names = dict.fromkeys(name for run in runs for name in run.flags)
    rows = [(name, [run.flags.get(name, "") for run in runs]) for name in names]
    return [row for row in rows if len(set(row[1])) > 1 and row[0] != "workdir"]
