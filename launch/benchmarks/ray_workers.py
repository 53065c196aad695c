"""Candidates per hour of two workers of a Ray cluster, compared with one.

    python launch/benchmarks/ray_workers.py --flagfile=launch/digits.flags

Takes the flags of a run. Random candidates of its space are evaluated as in the
search, by one worker and then by two on a cluster started on this machine, which should
be otherwise idle and have two cores, one per worker. Each worker evaluates all of them
beforehand, so that neither the start of Ray nor compilation counts.
"""

import dataclasses
import os
import sys
import time

import jax
import numpy as np

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config
from gpt_nas_jax.evaluation.evaluator import Candidate, Evaluator
from gpt_nas_jax.executors import processes, registry
from gpt_nas_jax.reports.terminal import show_table
from gpt_nas_jax.stages import compile_cache, problem, scoring

_CANDIDATES = 24
# Makes the wait for the other worker at the end a small share of the time.
_ROUNDS = 3
_WORKERS = (1, 2)


def seconds(config: Config) -> tuple[float, list[float]]:
    """The time that all candidates take, and their fitness; the executor leads."""
    processes.everywhere(compile_cache.keep, config.train)
    loaded = processes.everywhere(problem.load, config)
    evaluate, run = scoring.evaluator(config, loaded), registry.find(config.executor)
    sample_key, *keys = jax.random.split(jax.random.key(config.seed), 1 + _ROUNDS)
    genomes = np.asarray(loaded.space.sample(sample_key, _CANDIDATES))
    proposed = np.ones(genomes.shape, bool)
    pairs = [*zip(genomes, proposed, strict=True)]
    items = [Candidate(*pair, key) for key in keys for pair in pairs]
    warm_up = items[:_CANDIDATES]
    processes.by_workers(local_evaluations, evaluate, warm_up)
    for _ in run(evaluate, warm_up, 1):
        pass
    begin = time.perf_counter()
    fitness = [found.fitness for found in run(evaluate, items, 1)]
    return time.perf_counter() - begin, fitness


def local_evaluations(evaluate: Evaluator, items: list[Candidate]) -> None:
    """Evaluates all candidates in this process."""
    for item in items:
        evaluate(item)


def main() -> None:
    given = flags.parse(sys.argv)
    if isinstance(given, str):
        sys.exit(__doc__)
    rows, found = [], []
    for workers in _WORKERS:
        ray = dataclasses.replace(given.ray, address="local", workers=workers)
        search = dataclasses.replace(given.search, workers=1)
        config = dataclasses.replace(given, executor="ray", ray=ray, search=search)
        processes.lead(config, lambda config=config: found.append(seconds(config)))
        rate = 3600 * _CANDIDATES * _ROUNDS / found[-1][0]
        times = f"{found[0][0] / found[-1][0]:.2f}x"
        rows.append((workers, f"{found[-1][0]:.1f}", f"{rate:.0f}", times))
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    count = _CANDIDATES * _ROUNDS
    title = f"{count} candidates on {os.cpu_count()} cores; load now {load}"
    show_table(title, ("workers", "seconds", "candidates an hour", "times one"), rows)
    same = all(fitness == found[0][1] for _, fitness in found)
    print(f"the fitness of each is {'the same' if same else 'another'} with both")


if __name__ == "__main__":
    main()
