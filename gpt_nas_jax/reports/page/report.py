"""``report.html``: the page of a run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gpt_nas_jax import workdir
from gpt_nas_jax.reports import further_costs
from gpt_nas_jax.reports.page import (
    blocks,
    candidates,
    classes,
    learning,
    lineage,
    network,
    state,
)
from gpt_nas_jax.reports.page.rendering import render
from gpt_nas_jax.reports.page.run import Run, names

FILE = "report.html"
_ROWS = 20


def write(path: Path, run: Run, baselines: Sequence[Run] = ()) -> Path:
    """Writes the page of a run into its workdir; returns the page's path.

    The page is a function of the run: the same run gives the same page.

    Raises:
      UsageError: it cannot be written.
    """
    workdir.write_text(path / FILE, html(run, baselines))
    return path / FILE


def html(run: Run, baselines: Sequence[Run] = ()) -> str:
    """The page of a run.

    Args:
      run: as it was read.
      baselines: human networks to draw with the one found.
    """
    return render(
        "report.html",
        run=run,
        status=state.status(run),
        latest=state.latest(run),
        warnings=list(state.warnings(run)),
        figures=list(state.figures(run)),
        progress=candidates.progress(run),
        shades=candidates.SHADES,
        costs=candidates.costs(run),
        network=network.drawing(run),
        line=lineage.line(run),
        ancestors=lineage.ancestors(run),
        blocks=blocks.shares(run),
        prior=learning.of_prior(run),
        finalists=learning.of_finalists(run),
        training=learning.of_trainings(_named(run, baselines)),
        rows=_rows(run),
        rungs=_rungs(run),
        row_costs=_further(candidates.COSTS, run.scored),
        trained_costs=_further(further_costs.LABELS, _trained(run)),
        cost_text=further_costs.text,
        fronts=candidates.on_fronts(run),
        confusion=classes.confusion(run),
        trained=_trained(run),
        failures=state.failures(run),
        command=state.command(run),
        flags=state.changed_flags(run),
        data=_data(run),
    )


def _named(run: Run, baselines: Sequence[Run]) -> dict[str, Run]:
    named = {run.human or "the network found": run}
    count = Counter(one.human for one in (run, *baselines))
    for one in baselines:
        # Several trainings of a network are told apart by their workdirs.
        several = count[one.human] > 1
        named[f"{one.human} ({one.name})" if several else str(one.human)] = one
    return named


def _rows(run: Run) -> list[Mapping[str, Any]]:
    """The fittest evaluations; the first of equals."""
    order = sorted(run.scored, key=lambda record: -record["fitness"])
    unknown = dict.fromkeys(("params", "flops", "rungs"))
    return [{**unknown, **r, "names": names(r)} for r in order[:_ROWS]]


def _rungs(run: Run) -> int:
    """The number of rungs; 0 if candidates do not climb any."""
    if run.from_python or not run.config.eval.has_rungs():
        return 0
    return len(run.config.eval.climbs())


def _trained(run: Run) -> list[Mapping[str, Any]]:
    """The retrained networks, if there are several."""
    every = (run.result or {}).get("trained", [])
    trained = [one for one in every if "reason" not in one]
    return sorted(trained, key=lambda one: -one["test_accuracy"])


def _further(
    labels: Mapping[str, str], lines: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """The costs of networks besides parameters and FLOPs, with their headings."""
    known = further_costs.known(lines)
    return {name: labels[name] for name in known if name in labels}


def _data(run: Run) -> dict[str, Any]:
    """Every candidate in a compact form, for its tooltip."""
    known: dict[str, int] = {}
    rows = []
    for record in run.records:
        genes = [known.setdefault(name, len(known)) for name in names(record)]
        rows.append(
            [
                record["generation"],
                record["fitness"],
                record.get("params"),
                record.get("flops"),
                record["seconds"],
                genes,
                record.get("parents", []),
                record["reason"],
                record.get("latency"),
            ]
        )
    return {"measure": run.measure, "names": list(known), "rows": rows}
