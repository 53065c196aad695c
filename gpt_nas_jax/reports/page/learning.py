"""Learning curves of the prior, the finalists and the network trained at the end."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from gpt_nas_jax.reports import summary
from gpt_nas_jax.reports.page.chart import Chart, Point, axis
from gpt_nas_jax.reports.page.run import Run

_COLOURS = 6
_PHASES = (("pretrain", "benchmark cells"), ("finetune", "human networks"))


def of_prior(run: Run) -> list[tuple[Chart, Mapping[str, Any]]]:
    """A chart and the report of each phase of the prior's training."""
    if run.prior is None:
        return []
    return [
        (_phase(name, corpus, run.prior[name]), run.prior[name])
        for name, corpus in _PHASES
    ]


def _phase(name: str, corpus: str, report: Mapping[str, Any]) -> Chart:
    points = report["curve"]
    held_out = [(point["step"], point["held_out_loss"]) for point in points]
    learned = [
        (point["step"], point["train_loss"])
        for point in points
        if point["train_loss"] is not None
    ]
    first, last = held_out[0], held_out[-1]
    part = "validation" if report["stopping"] else "test"
    chart = Chart(
        f"prior-{name}",
        f"The prior learns {corpus}",
        f"The loss on {part} architectures goes from {first[1]:.3f} to {last[1]:.3f} "
        f"nats in {last[0]} steps.",
        axis("step", _xs(held_out)),
        axis("loss, nats", _ys(held_out + learned)),
        height=260,
    )
    chart = chart.line(held_out, "series0", "held out")
    return chart.line(learned, "series1 dashed", "learned from")


def of_finalists(run: Run) -> Chart | None:
    """Validation accuracy of the finalists by epoch, one line per training."""
    trained = [r for r in run.finalists if r.get("accuracies")]
    if not trained:
        return None
    curves = [_epochs(record["accuracies"]) for record in trained]
    every = [point for curve in curves for point in curve]
    accuracy = summary.accuracy(run.config)
    chart = Chart(
        "finalists",
        "The finalists, trained longer",
        f"{accuracy.capitalize()} of {len(curves)} trainings by epoch.",
        axis("epoch", _xs(every)),
        axis(accuracy, _ys(every)),
    )
    named: set[int] = set()
    for record, curve in zip(trained, curves, strict=True):
        number = record["finalist"]
        name = "" if number in named else f"finalist {number + 1}"
        named.add(number)
        chart = chart.line(curve, series(number), name)
    return chart


def of_trainings(runs: Mapping[str, Run]) -> Chart | None:
    """Training loss by epoch of the networks of several runs, each with a name."""
    # A loss of 0 has no logarithm.
    curves = {n: _epochs(v or None for v in run.losses) for n, run in runs.items()}
    every = [point for curve in curves.values() for point in curve if _ys([point])]
    if not every:
        return None
    ends = "; ".join(
        f"{name}: {losses[0]:.3f} at first, {losses[-1]:.3f} at last"
        for name, curve in curves.items()
        if (losses := _ys(curve))
    )
    chart = Chart(
        "training",
        "The long training",
        f"Training loss by epoch. {ends}.",
        axis("epoch", _xs(every)),
        axis("training loss, nats (logarithmic)", _ys(every), log=True),
    )
    for number, (name, curve) in enumerate(curves.items()):
        accuracy = runs[name].test_accuracy
        tested = f", test accuracy {accuracy:.4f}" if accuracy is not None else ""
        if _ys(curve):
            chart = chart.line(curve, series(number), name + tested)
    return chart


def series(number: int) -> str:
    """The style of one of several lines; dashed once the colours are used up."""
    return f"series{number % _COLOURS}" + " dashed" * (number // _COLOURS % 2)


def _epochs(values: Iterable[float | None]) -> list[Point]:
    """Points from epoch 1 on; NaN where there is no value."""
    return [(n + 1, math.nan if v is None else v) for n, v in enumerate(values)]


def _xs(points: Iterable[Point]) -> list[float]:
    return [x for x, _ in points]


def _ys(points: Iterable[Point]) -> list[float]:
    return [y for _, y in points if math.isfinite(y)]
