"""Measures the process that leads a search, between evaluations."""

import contextlib
import dataclasses
import functools
import itertools
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import flags, strategies, workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.stages import asking, pretrain, problem
from gpt_nas_jax.strategies import registry
from gpt_nas_jax.strategies.jitted import jit_by_class
from gpt_nas_jax.types import Strategy
from gpt_nas_jax.workdir import Ledger

Clock = Callable[[], float]
GENERATIONS = 10
"""Generations of a search."""
_MOST_MEMORY = 6 * 2**30
_PATIENCE = 180
"""Time limit for the measurements of one size, seconds."""
_TIMES = 3
_APPENDED = 200


@dataclasses.dataclass(frozen=True)
class Driven:
    """Costs of a generation for the leading process.

    Computation is measured in core-seconds, which other programs on the machine affect
    less.

    Attributes:
      size: candidates per ask.
      first: core-seconds of the first ask and tell, compilation included.
      ask: core-seconds.
      tell: core-seconds.
      keep: seconds to save the state to disk.
      files: of that state.
      peak: peak memory so far, bytes.
    """

    size: int
    first: float
    ask: float
    tell: float
    keep: float
    files: int
    peak: int


def measure(argv: Sequence[str], strategy: str, sizes: Sequence[int]) -> list[Driven]:
    """Measures ask and tell of a strategy in searches of `GENERATIONS` of each size.

    Runs in a separate process with limits of memory and time; the first size that
    exceeds them and all later ones are left out.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(argv, strategy, sizes, theirs))
    child.start()
    theirs.close()
    found = []
    with contextlib.suppress(EOFError):
        while ours.poll(_PATIENCE):
            found.append(ours.recv())
            print(strategy, found[-1], file=sys.stderr)
    child.terminate()
    child.join()
    return found


def record_seconds(records: Sequence[dict[str, Any]]) -> float:
    """Median seconds to append an evaluation to a ledger on this disk, synced."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / workdir.LEDGER)
        lines = itertools.cycle(records)
        append = functools.partial(_seconds, lambda: ledger.append(next(lines)))
        return statistics.median(append() for _ in range(_APPENDED))


def _measure(
    argv: Sequence[str], name: str, sizes: Sequence[int], results: Connection
) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    config = flags.parse(argv)
    # Only the tables go to standard output.
    with contextlib.redirect_stdout(sys.stderr):
        space = problem.load(config).space
        prior = _prior(config, space) if registry.asks_prior(name) else None
    for size in sizes:
        total = GENERATIONS * size
        strategy = strategies.create(
            name, space, total, batch=size, population=size, prior=prior
        )
        results.send(_driven(strategy, size))
    results.close()


def _prior(config: Config, space: NetworkSpace) -> Any:
    return pretrain.run(config, space, pretrain.read_cells(config.prior))


def _driven(strategy: Strategy, size: int) -> Driven:
    key = jax.random.key(0)
    fitness = np.random.default_rng(0).random(size, np.float32)
    start = jax.jit(strategy.init)(key)
    begin = time.process_time()
    candidates = jax.block_until_ready(asking.ask(strategy, key, start))
    state = jax.block_until_ready(_tell(strategy, start, candidates, fitness))
    first = time.process_time() - begin
    cores = time.process_time
    ask = _median(lambda: asking.ask(strategy, key, state), cores)
    tell = _median(lambda: _tell(strategy, state, candidates, fitness), cores)
    with tempfile.TemporaryDirectory() as folder:
        steps = itertools.count()
        kept = {"told": np.int32(1), "state": state}
        keep = _median(lambda: workdir.save_step(Path(folder), next(steps), kept))
        files = sum(path.is_file() for path in Path(folder).rglob("*"))
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Driven(size, first, ask, tell, keep, files, peak)


def _median(call: Callable[[], Any], clock: Clock = time.perf_counter) -> float:
    return statistics.median(_seconds(call, clock) for _ in range(_TIMES))


def _seconds(call: Callable[[], Any], clock: Clock = time.perf_counter) -> float:
    begin = clock()
    jax.block_until_ready(call())
    return clock() - begin


@jit_by_class
def _tell(strategy: Strategy, state: Any, candidates: Any, fitness: Any) -> Any:
    return strategy.tell(state, candidates, fitness)
