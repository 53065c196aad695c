"""How much workers idle with and without ``--search_lag``.

    python launch/benchmarks/lag.py --out=lag.md

Four workers evaluate batches of 5 and of 20 candidates. An evaluation takes between 0.1
and 1 s, distributed log-uniformly, and the same for a network in all runs. It sleeps
instead of training, so the number of cores hardly matters. Writes, for each batch size
and lag, the share of the workers' time in which they evaluate, and the time of the
whole search.
"""

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax.datasets.source import silent
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.executors import local
from gpt_nas_jax.reports.formats import Entry, Table, markdown_page
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.stages.asking import ask
from gpt_nas_jax.stages.loop import Loop
from gpt_nas_jax.strategies.creation import create
from gpt_nas_jax.workdir import MemoryLedger

_WORKERS, _EVALUATIONS, _LEAST = 4, 80, 0.1
_SPACE = CategoricalSpace((("a", "b", "c", "d"),) * 8)
_CAVEAT = """\
Evaluations sleep instead of training, and each row is one search: how much time a lag
saves depends on how much evaluations differ in length. Its effect on accuracy was not
measured.
"""


def seconds(genome: np.ndarray) -> float:
    """How long the evaluation of a network takes."""
    return _LEAST * 10 ** np.random.default_rng(genome).random()


def search(batch: int, lag: int) -> tuple[float, float]:
    """The seconds of a search, and the seconds of its evaluations."""

    def work(item: Candidate) -> float:
        time.sleep(seconds(item.genome))
        return float(item.genome.sum())

    def records(items: Sequence[Candidate], known: int) -> Iterator[dict[str, Any]]:
        for value in local.run(work, items[known:], _WORKERS):
            yield {"fitness": value, "reason": None}

    loop = Loop(
        space=_SPACE,
        strategy=create("regularised_evolution", _SPACE, _EVALUATIONS, batch=batch),
        total=_EVALUATIONS,
        size=batch,
        enough=batch,
        ledger=MemoryLedger(),
        path=None,
        ask=lambda strategy, key, state, number: ask(strategy, key, state),
        evaluate=records,
        progress=silent,
        lag=lag,
    )
    begin = time.monotonic()
    found = loop.run(jax.random.key(0))
    took = time.monotonic() - begin
    return took, sum(seconds(np.array(record["genome"])) for record in found)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args(argv[1:]).out
    rows = []
    for batch in (5, 20):
        for lag in (0, 1, 2):
            # The first time compiles.
            search(batch, lag)
            took, worked = search(batch, lag)
            share = 100 * worked / (_WORKERS * took)
            cells = (str(batch), str(lag), f"{share:.0f}", f"{took:.1f}")
            rows.append([*map(Entry, cells)])
    caption = (
        f"{_WORKERS} workers, {_EVALUATIONS} evaluations of {_LEAST} to "
        f"{10 * _LEAST:g} s, regularised evolution; {os.cpu_count()} CPU cores, Python "
        f"{platform.python_version()}, JAX {jax.__version__}, "
        f"{datetime.date.today()}."
    )
    columns = ("batch", "lag", "busy, % of the workers' time", "search, s")
    table = Table(caption, columns, rows, names=0)
    command = "```sh\npython launch/benchmarks/lag.py --out=lag.md\n```\n"
    text = markdown_page("Workers that do not wait", [command, table, _CAVEAT])
    out.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
