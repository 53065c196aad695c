"""How busy 8, 256 and 4,096 workers are, and the cost of leading them.

    python launch/benchmarks/fleet.py --flagfile=launch/digits.flags > TABLES.md

Takes the flags of a search that has run: its ledger provides durations of
evaluations, its prior the proposals. Evaluations are simulated; ask, tell, and saving
state and ledger are measured with the program's own strategies. Prints tables in
Markdown.
"""

import datetime
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import fleet_driver
import jax
import numpy as np
from fleet_driver import GENERATIONS, Driven
from fleet_simulation import Costs, Outcome, simulate

from gpt_nas_jax import flags, workdir
from gpt_nas_jax.reports.formats import Entry, Table, markdown_page
from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import Ledger

_FLEETS = (8, 256, 4096)
_STRATEGIES = (
    "random",
    "regularised_evolution",
    "genetic",
    "gpt_nas",
    "surrogate",
    "gpt_nas_online",
)
_SIZES = (8, 32, 256, 1024, 4096)
_TIMES_WORKERS = (1, 2, 4, 8)
_SCALES = (1, 100)
"""Factors of the ledger's durations."""
_HAND = {"hosts": 0.2e-3, "Ray": 1e-3}
"""Seconds an item takes through JAX's coordination service, and through Ray."""
_OBJECT = 0.05
"""Seconds of a request to a store; assumed."""
_REQUESTS = 40
"""Requests to a store per generation, besides one per candidate."""
_SEEDS = 3
_GIB = 2**30


class Durations:
    """Durations drawn from those of a ledger."""

    def __init__(self, seconds: np.ndarray) -> None:
        self.seconds = seconds

    def simulate(
        self, workers: int, size: int, costs: Costs, scale: float = 1, lag: int = 0
    ) -> Outcome:
        """The mean of some searches of `GENERATIONS`."""
        outcomes = []
        for seed in range(_SEEDS):
            generator = np.random.default_rng((seed, workers, size))
            drawn = generator.choice(self.seconds, (GENERATIONS, size))
            outcomes.append(simulate(scale * drawn, workers, costs, lag))
        return Outcome(
            *(
                float(np.mean([getattr(outcome, name) for outcome in outcomes]))
                for name in ("seconds", "utilisation", "rate")
            )
        )


def ideal(durations: Durations) -> Table:
    """Utilisation if leading costs nothing."""
    rows = []
    for workers in _FLEETS:
        for lag in (0, 1):
            cells = (
                _percent(durations.simulate(workers, times * workers, Costs(), lag=lag))
                for times in _TIMES_WORKERS
            )
            rows.append(_row(f"{workers:,}", lag, *cells))
    return Table(
        "Share of the workers' time in which they evaluate, by the candidates that are "
        "asked at a time, where leading costs nothing. With a lag of 1 the next "
        "generation is asked before the last one is told (--search_lag).",
        ("workers", "lag", *(f"{times} x workers" for times in _TIMES_WORKERS)),
        rows,
    )


def driving(driven: dict[str, list[Driven]], record: float) -> Table:
    """The measured costs of the leading process."""
    rows = []
    for strategy, measured in driven.items():
        for each in measured:
            generation = each.ask + each.tell + each.keep
            rows.append(
                _row(
                    strategy,
                    f"{each.size:,}",
                    f"{GENERATIONS * each.size:,}",
                    f"{each.first:.1f}",
                    *(f"{1000 * s:.1f}" for s in (each.ask, each.tell, each.keep)),
                    f"{1000 * (generation / each.size + record):.2f}",
                    f"{each.peak / _GIB:.1f}",
                )
            )
        rows += [
            _row(strategy, f"{size:,}", f"{GENERATIONS * size:,}", *["-"] * 6)
            for size in _SIZES[len(measured) :]
        ]
    return Table(
        "Measured, in seconds of all cores but for keeping the state; - where that "
        "took more than 6 GiB or three minutes. A candidate's share holds "
        f"{1000 * record:.2f} ms for its line of the ledger.",
        (
            "strategy",
            "asked at a time",
            "in all",
            "first ask and tell, s",
            "ask, ms",
            "tell, ms",
            "keep state, ms",
            "a candidate, ms",
            "memory, GiB",
        ),
        rows,
    )


def busy(
    durations: Durations, driven: dict[str, list[Driven]], record: float
) -> Iterator[Table]:
    """Utilisation with the measured costs, by strategy."""
    places = [(8, 8), (8, 32), (256, 256), (256, 1024), (4096, 4096)]
    for scale in _SCALES:
        rows = []
        for strategy, measured in driven.items():
            sizes = {each.size: each for each in measured}
            cells = []
            for workers, size in places:
                if size not in sizes:
                    cells.append("-")
                    continue
                costs = _costs(sizes[size], record)
                cells.append(_percent(durations.simulate(workers, size, costs, scale)))
            rows.append(_row(strategy, *cells))
        mean = scale * durations.seconds.mean()
        yield Table(
            f"Evaluations of {mean:.1f} s on average, through JAX's coordination "
            "service. Compilation is left out.",
            ("strategy", *(f"{w:,} workers, {s:,} asked" for w, s in places)),
            rows,
        )


def serial(durations: Durations, record: float) -> Table:
    """Utilisation if only dispatch and recording take time."""
    kept = {"local disk": (record, 0.0), "store": (_OBJECT, _REQUESTS * _OBJECT)}
    rows = []
    for workers in _FLEETS:
        for scale in _SCALES:
            for place, (each, all_of_them) in kept.items():
                hosts, ray = (
                    durations.simulate(
                        workers,
                        4 * workers,
                        Costs(tell=all_of_them, record=each, hand=hand),
                        scale,
                    )
                    for hand in _HAND.values()
                )
                mean = f"{scale * durations.seconds.mean():.0f}"
                shares = _percent(hosts), _percent(ray)
                rate = f"{hosts.rate:.3g}"
                rows.append(_row(f"{workers:,}", mean, place, *shares, rate))
    hand = {name: f"{1000 * seconds:.1f} ms" for name, seconds in _HAND.items()}
    return Table(
        "Four times as many candidates asked as there are workers; asking and telling "
        f"are free. An item takes {hand['hosts']} through JAX's coordination service, "
        f"{hand['Ray']} through Ray. A result takes {1000 * record:.1f} ms on a local "
        f"disk (measured); on a store {1000 * _OBJECT:.0f} ms (assumed), and a "
        f"generation {_REQUESTS} times as much. On a store an evaluation is an object.",
        (
            "workers",
            "an evaluation, s",
            "ledger",
            "hosts",
            "Ray",
            "evaluations a second",
        ),
        rows,
        names=3,
    )


def _costs(driven: Driven, record: float) -> Costs:
    return Costs(driven.ask, driven.tell + driven.keep, record, _HAND["hosts"])


def _percent(outcome: Outcome) -> str:
    return f"{100 * outcome.utilisation:.0f} %"


def _row(*cells: object) -> list[Entry]:
    return [Entry(str(cell)) for cell in cells]


def main(argv: Sequence[str]) -> int:
    try:
        config = flags.parse(argv)
        if isinstance(config, str):
            print(config)
            return 0
        records = Ledger(Path(config.workdir) / workdir.LEDGER).look()
        if not records:
            raise UsageError(f"--workdir={config.workdir} holds no search that has run")
    except UsageError as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 2
    seconds = np.array([line["seconds"] for line in records])
    durations = Durations(seconds)
    record = fleet_driver.record_seconds(records)
    driven = {name: fleet_driver.measure(argv, name, _SIZES) for name in _STRATEGIES}
    files = {each.files for measured in driven.values() for each in measured}
    about = (
        f"Written by `launch/benchmarks/fleet.py` on {datetime.date.today()}: "
        f"{os.cpu_count()} CPU cores, Python {platform.python_version()}, JAX "
        f"{jax.__version__}. {len(seconds)} evaluations in the ledger, of "
        f"{np.min(seconds):.1f} to {np.max(seconds):.1f} s, {np.mean(seconds):.1f} s "
        f"on average. Searches of {GENERATIONS} generations, means of {_SEEDS}. The "
        f"state of a search is {min(files)} to {max(files)} files.\n"
    )
    sections = [
        about,
        "## The wait for the last one\n",
        ideal(durations),
        "## The leading process\n",
        driving(driven, record),
        "## By strategy\n",
        *busy(durations, driven, record),
        "## One after the other\n",
        serial(durations, record),
    ]
    print(markdown_page("A simulated fleet", sections))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
