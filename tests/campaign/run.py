"""Runs a fault-injection campaign: ``python tests/campaign/run.py --home=DIR``.

Every trial adds a line with its seed to ``DIR/outcomes.jsonl``; the same command
resumes the campaign. Several campaigns may run in parallel, each with its own folder
and ``--first`` seed; their outcomes can be concatenated. ``--only=SEED`` repeats the
trials of one seed. ``--table=FILE`` writes the summary as Markdown.
"""

import argparse
import collections
import dataclasses
import datetime
import itertools
import json
import os
import platform
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import trials
from kinds import Kind, kinds
from trials import Home, Outcome

_KILLS_A_TRIAL = 12
_HUNG = str(None)


def main() -> int:
    """Runs the missing trials; returns 1 if any trial lost something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--damages", type=int, default=500)
    parser.add_argument("--disks", type=int, default=40)
    parser.add_argument("--failures", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--kinds", help="names with commas; all without it")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    home = Home(options.home.absolute())
    named = options.kinds and options.kinds.split(",")
    every = [kind for kind in kinds() if not named or kind.name in named]
    ledger = home.path / "outcomes.jsonl"
    if options.only is not None:
        for outcome in _trials(home, options.only, every):
            print(outcome)
        return 0
    done = _read(ledger)
    wanted = {
        "kill": options.kills,
        "damage": options.damages,
        "disk": options.disks,
        "failure": options.failures,
    }
    if not trials.can_mount(home):
        print("only root can fill a disk: no trials with a full one", flush=True)
        del wanted["disk"]
    if not any(kind.trains for kind in every):
        print("none of the kinds trains candidates: no trials with failures")
        del wanted["failure"]
    first = 1 + max((outcome.seed for outcome in done), default=-1)
    for seed in itertools.count(max(first, options.first)):
        missing = {
            name: count - _count(done, name)
            for name, count in wanted.items()
            if _count(done, name) < count
        }
        if not missing:
            break
        for outcome in _trials(home, seed, every, set(missing)):
            done.append(outcome)
            with ledger.open("a", encoding="utf-8") as file:
                file.write(json.dumps(dataclasses.asdict(outcome)) + "\n")
            if outcome.problem:
                print(f"seed {seed}: {outcome}", flush=True)
        print(f"seed {seed}: missing {missing}", flush=True)
    table = _table(done)
    print(table)
    if options.table:
        options.table.write_text(table, encoding="utf-8")
    return int(any(outcome.problem for outcome in done))


def _trials(
    home: Home,
    seed: int,
    every: list[Kind],
    wanted: set[str] | None = None,
) -> Iterator[Outcome]:
    """The trials of a seed: kinds take turns, with one fault of each sort."""
    wanted = wanted or {"kill", "damage", "disk", "failure"}
    kind = every[seed % len(every)]
    if "kill" in wanted:
        yield trials.kills(home, kind, seed, _KILLS_A_TRIAL)
    if "damage" in wanted and seed % 3 == 0:
        yield from trials.damages(home, every[seed // 3 % len(every)], seed)
    if "disk" in wanted and trials.can_mount(home):
        place = "prior" if kind.name == "gpt_nas" and seed % 2 else "workdir"
        yield trials.full_disk(home, kind, seed, place)
    if "failure" in wanted and kind.trains:
        yield trials.failures(home, kind, seed)


def _sort(outcome: Outcome) -> str:
    head = outcome.fault.partition(":")[0]
    names = {"kill": "kill", "full disk": "disk", "failing candidates": "failure"}
    return names.get(head, "damage")


def _count(done: list[Outcome], name: str) -> int:
    return sum(outcome.faults for outcome in done if _sort(outcome) == name)


def _read(path: Path) -> list[Outcome]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Outcome(**json.loads(line)) for line in lines]


def _signals(done: list[Outcome]) -> str:
    """The signals that ended runs, by their exit codes."""
    codes = [
        int(code)
        for outcome in done
        if _sort(outcome) == "kill"
        for code in outcome.answer.split()
        # Of a run that did not end.
        if code != _HUNG
    ]
    counts = collections.Counter(code % 128 if code > 0 else -code for code in codes)
    del counts[0]
    return ", ".join(
        f"{count} {signal.Signals(number).name}"
        for number, count in counts.most_common()
    )


def _seeds(done: list[Outcome]) -> str:
    """The ranges of seeds; each campaign starts at a multiple of 1000."""
    starts = collections.defaultdict(list)
    for outcome in done:
        starts[outcome.seed // 1000].append(outcome.seed)
    return " and ".join(f"seeds {min(s)} to {max(s)}" for s in starts.values())


def _table(done: list[Outcome]) -> str:
    titles = {
        "kill": f"kills ({_signals(done)})",
        "damage": "damaged files (truncated, emptied, bit-flipped, removed)",
        "disk": "full disks",
        "failure": "searches whose candidates fail at random",
    }
    lines = [
        f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} CPU cores, Python "
        f"{platform.python_version()}, JAX {jax.__version__}; "
        f"`python tests/campaign/run.py`, {_seeds(done)}.",
        "",
        "| fault | faults | runs | kinds of run | something lost | answers |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, title in titles.items():
        some = [outcome for outcome in done if _sort(outcome) == name]
        answers = collections.Counter(
            "finished as without the fault" if name == "kill" else outcome.answer
            for outcome in some
            if not outcome.problem
        )
        said = ", ".join(f"{text} {n}" for text, n in answers.most_common())
        lines.append(
            f"| {title} | {_count(done, name)} | {len(some)} | "
            f"{len({outcome.kind for outcome in some})} | "
            f"{sum(bool(outcome.problem) for outcome in some)} | {said} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
