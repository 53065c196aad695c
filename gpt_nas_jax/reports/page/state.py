"""Progress of a run, its cost so far, failures, and how to resume it."""

import dataclasses
import datetime
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.reports import further_costs
from gpt_nas_jax.reports.page import texts
from gpt_nas_jax.reports.page.candidates import COSTS
from gpt_nas_jax.reports.page.run import Record, Run, began
from gpt_nas_jax.reports.terminal import short


@dataclasses.dataclass(frozen=True)
class Figure:
    """A number shown in large type.

    Attributes:
      name: above it.
      value: the number.
      note: below it.
    """

    name: str
    value: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Failure:
    """Candidates that failed for the same reason.

    Attributes:
      reason: why.
      numbers: of the candidates.
    """

    reason: str
    numbers: tuple[int, ...]


def status(run: Run) -> str:
    """One sentence on the progress of the run."""
    if run.test_accuracy is not None:
        return "Finished."
    done, total = len(run.records), run.total
    if not total:
        if run.config.stage == "pretrain":
            learned = "is learned" if run.prior else "is not learned yet"
            return f"The prior {learned}; there is no search."
        return "The network is not trained yet."
    found = f"{done:,} of {total:,} candidates"
    if done < total and run.out_of_time:
        return f"The search ended at --search_max_hours, after {found}."
    if done < total:
        return f"The search has evaluated {found}; reload this page for later ones."
    if run.from_python or run.config.stage == "search":
        return f"The search is finished: {texts.counted(done, 'candidate')}."
    return "The search is finished; the best network is not trained yet."


def latest(run: Run) -> str:
    """When the last evaluation ended, in UTC; empty if unknown."""
    ends = [
        begin + datetime.timedelta(seconds=record["seconds"])
        for record in (*run.climbs, *run.finalists)
        if (begin := began(record))
    ]
    return f"{max(ends):%Y-%m-%d %H:%M} UTC" if ends else ""


def figures(run: Run) -> Iterator[Figure]:
    """The numbers at the top of the page."""
    if run.test_accuracy is not None:
        epochs = texts.counted(run.result["retrain"]["epochs"], "epoch")
        value = f"{run.test_accuracy:.4f}"
        yield Figure("test accuracy", value, f"tested once, after {epochs}")
    best = run.best
    if best is not None:
        place = f"candidate {best['number']}, generation {best['generation']}"
        name = f"best {run.measure}"
        if best["fitness"] < run.top:
            # The finalists, or the user, chose another one than the search.
            name, place = run.measure, f"{place}, chosen to be trained"
        yield Figure(name, short(best["fitness"]), place)
    of_what = "of the best network" if best else "of the network"
    known = costs(run)
    if "params" in known:
        yield Figure("parameters", texts.amount(known["params"]), of_what)
    if "flops" in known:
        yield Figure("FLOPs", texts.amount(known["flops"]), "for one image")
    network = {**(run.best or {}), **(run.result or {}).get("best", {})}
    # An evaluator in Python predicts no costs.
    for name in further_costs.known([] if run.from_python else [network]):
        yield Figure(
            further_costs.LABELS[name], further_costs.text(name, network), of_what
        )
    if run.total:
        failed = f"{len(run.failed):,} failed" if run.failed else "none failed"
        done = f"{len(run.records):,} of {run.total:,}"
        yield Figure("candidates", done, failed)
        yield _time(run)
    spent = (run.result or {}).get("retrain", {}).get("seconds")
    if spent is not None:
        yield Figure("long training", texts.duration(spent), of_what)


def costs(run: Run) -> Mapping[str, float]:
    """The known costs of the best network, by their names in the ledger."""
    network = run.best or run.network or {}
    known = {name: network.get(name) for name in COSTS}
    return {name: cost for name, cost in known.items() if cost is not None}


def evaluating(run: Run) -> float:
    """Seconds in which at least one candidate was evaluated.

    The sum over candidates if it is unknown when they were evaluated.
    """
    spans = [_span(record) for record in run.climbs if began(record)]
    return _union(spans) if spans else _sum(run)


def warnings(run: Run) -> Iterator[str]:
    """Why numbers on the page cannot be compared."""
    if run.ruled:
        yield (
            "Fitness of different generations is not comparable: "
            "--eval_trained_blocks=proposed trains another share of the blocks in each "
            "generation."
        )
    if len(run.machines) > 1:
        kinds = "; ".join(
            ", ".join(f"{name} {value}" for name, value in machine.items())
            for machine in run.machines
        )
        yield (
            "The evaluations were made on different machines, on which the last digits "
            f"of fitness may differ: {kinds}."
        )


def failures(run: Run) -> list[Failure]:
    """Why candidates failed, the most common reason first."""
    counts = Counter(record["reason"] for record in run.failed)
    return [
        Failure(
            reason or "no reason was given",
            tuple(r["number"] for r in run.failed if r["reason"] == reason),
        )
        for reason, _ in counts.most_common()
    ]


def command(run: Run) -> str | None:
    """Returns the command that resumes the run, or runs its missing stages."""
    if run.from_python:
        return None
    file = run.path / workdir.FLAGS
    if workdir.is_store(run.name):
        # Flagfiles are read only from a disk.
        file = Path(workdir.FLAGS)
    parts = ["python", "-m", "gpt_nas_jax.main"]
    return shlex.join([*parts, f"--flagfile={file}", f"--workdir={run.name}"])


def changed_flags(run: Run) -> list[tuple[str, str, str]]:
    """The flags that have no default value: name, value, default."""
    if run.from_python:
        return [(name, value, "") for name, value in run.flags.items()]
    defaults = fields.to_text(Config()).splitlines()
    usual = dict(line.removeprefix("--").partition("=")[::2] for line in defaults)
    return [
        (name, value, usual.get(name, ""))
        for name, value in run.flags.items()
        if value != usual.get(name)
    ]


def _time(run: Run) -> Figure:
    note = "sum of all candidates"
    if any(map(began, run.climbs)):
        workers = {record["worker"] for record in run.climbs if record.get("worker")}
        kept = texts.counted(len(workers), "worker")
        note = f"by {kept}, {texts.duration(_sum(run))} in all"
    return Figure("evaluating", texts.duration(evaluating(run)), note)


def _sum(run: Run) -> float:
    return sum(record["seconds"] for record in run.climbs)


def _span(record: Record) -> tuple[float, float]:
    begin = began(record).timestamp()
    return begin, begin + record["seconds"]


def _union(spans: list[tuple[float, float]]) -> float:
    """Seconds in which at least one evaluation ran; pauses of the run do not count."""
    length, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        length += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return length
