"""Charts of all candidates: in their order, and by their cost."""

import dataclasses
from collections.abc import Sequence

from gpt_nas_jax.reports.page import texts
from gpt_nas_jax.reports.page.chart import Chart, Point, axis
from gpt_nas_jax.reports.page.run import Record, Run
from gpt_nas_jax.reports.terminal import short

COSTS = {
    "params": "parameters",
    "flops": "FLOPs for one image",
    "memory": "peak activations, bytes",
    "latency": "latency, ms",
}
"""The costs that a network may have, by their names in the ledger."""

SHADES = 6
"""Colours of generations, from the earliest to the latest."""


def progress(run: Run) -> Chart | None:
    """Fitness of every candidate in order, and the best so far; failures below."""
    if not run.scored:
        return None
    fitness = [record["fitness"] for record in run.scored]
    first, last = fitness[0], max(fitness)
    # Failures are drawn at the lower edge.
    chart = Chart(
        "progress",
        "Every candidate, and the best so far",
        f"The best {run.measure} rises from {short(first)} to {short(last)} within "
        f"{texts.counted(len(run.records), 'candidate')}; "
        f"{len(run.failed)} of them failed.",
        axis("candidate", [0, max(run.total, len(run.records)) - 1]),
        axis(run.measure, fitness),
        width=1120,
    )
    dots = [
        chart.dot(r["number"], (r["number"], r["fitness"]), _style(run, r))
        for r in run.scored
    ]
    floor = chart.y.low
    dots += [chart.dot(r["number"], (r["number"], floor), "failed") for r in run.failed]
    drawn = chart.steps(best_so_far(run), "best", "best so far")
    return dataclasses.replace(drawn, dots=tuple(dots))


def best_so_far(run: Run) -> list[Point]:
    """The points where the best fitness rises, and one at the last candidate."""
    points: list[Point] = []
    for record in run.scored:
        if not points or record["fitness"] > points[-1][1]:
            points.append((record["number"], record["fitness"]))
    return [*points, (len(run.records) - 1, points[-1][1])]


def costs(run: Run) -> list[Chart]:
    """Fitness against each cost that was measured, with the front."""
    return [_against(run, cost) for cost in COSTS if len(_known(run, cost)) > 1]


def front(records: Sequence[Record], cost: str) -> list[Record]:
    """The Pareto front of fitness and a cost, the cheapest record first."""
    found: list[Record] = []
    for record in sorted(records, key=lambda r: (r[cost], -r["fitness"])):
        if not found or record["fitness"] > found[-1]["fitness"]:
            found.append(record)
    return found


def on_fronts(run: Run) -> set[int]:
    """The numbers of the candidates on any of the fronts."""
    fronts = [front(_known(run, cost), cost) for cost in COSTS]
    return {record["number"] for records in fronts for record in records}


def _against(run: Run, cost: str) -> Chart:
    records, label = _known(run, cost), COSTS[cost]
    best = front(records, cost)
    chart = Chart(
        cost,
        f"By {label}",
        f"{texts.counted(len(best), 'network')} on the front, from "
        f"{texts.amount(best[0][cost])} with {short(best[0]['fitness'])} to "
        f"{texts.amount(best[-1][cost])} with {short(best[-1]['fitness'])}.",
        axis(f"{label} (logarithmic)", [r[cost] for r in records], log=True),
        axis(run.measure, [r["fitness"] for r in records]),
    )
    leading = {record["number"] for record in best}
    dots = []
    for r in records:
        style = _style(run, r) + (" front" if r["number"] in leading else "")
        dots.append(chart.dot(r["number"], (r[cost], r["fitness"]), style))
    points = [(record[cost], record["fitness"]) for record in best]
    drawn = chart.steps(points, "front", "the front")
    return dataclasses.replace(drawn, dots=tuple(dots))


def _known(run: Run, cost: str) -> list[Record]:
    """The records whose cost is known and positive."""
    return [record for record in run.scored if (record.get(cost) or 0) > 0]


def _style(run: Run, record: Record) -> str:
    last = max(1, run.records[-1]["generation"])
    shade = record["generation"] * (SHADES - 1) // last
    best = run.best is not None and record["number"] == run.best["number"]
    return f"g{shade} winner" if best else f"g{shade}"
