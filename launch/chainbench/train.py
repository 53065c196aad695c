"""Trains the chains of chainbench, and keeps their accuracies.

    taskset -c 0 python launch/chainbench/train.py --part=random --count=1500 \
      --flagfile=launch/chainbench/chains.flags --data_dir=DIR

Appends a line to ``launch/chainbench/trainings.csv`` for each training: the part that
it belongs to, the chain's blocks, the number of the random key, parameters,
floating-point operations for an image, validation accuracy, and seconds. A chain that
failed has no accuracy. Trainings in the file are not repeated, so the same command
resumes where it was stopped; several processes may share the parts, one per core.

Parts:
  random: chains that the space samples, with key 0.
  noise: the first 200 of them with keys 1 and 2.
  asked: chains that strategies evaluate in ``--search_seeds`` searches of the benchmark
    in ``--model``, with key 0.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import asked
import jax
import numpy as np
from trainings import Training, append, read

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config, TablesConfig
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.stages import compile_cache, problem, scoring, tabular_benchmark
from gpt_nas_jax.types import UsageError

TRAININGS = Path(__file__).parent / "trainings.csv"
_NOISE_CHAINS, _NOISE_KEYS = 200, 3


def planned(
    config: Config, space: NetworkSpace, part: str, first: int, count: int
) -> Iterator[tuple[np.ndarray, int]]:
    """The chains of a random part and the numbers of their keys."""
    key = stage_key(config.seed, "chainbench")
    for index in range(first, first + count):
        chain, number = index, 0
        if part == "noise":
            chain, number = divmod(index, _NOISE_KEYS - 1)
            number += 1
            if chain >= _NOISE_CHAINS:
                return
        genome = space.sample(jax.random.fold_in(key, chain), 1)[0]
        yield np.asarray(genome), number


def of_strategies(
    config: Config, model: str, first: int, count: int
) -> Iterator[tuple[np.ndarray, int]]:
    """The same for the chains that strategies evaluate.

    Raises:
      UsageError: the file of the benchmark cannot be used.
    """
    tables = TablesConfig(name="chainbench", source=model)
    benchmark = tabular_benchmark.load(tables)
    (accuracies,) = benchmark.datasets.values()
    chains = asked.chains(
        config.search,
        problem.within_limits(config, benchmark.space),
        accuracies.table(benchmark.space),
        stage_key(config.seed, "chainbench/asked"),
    )
    for genome in itertools.islice(chains, first, first + count):
        yield genome, 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--part", choices=("random", "noise", "asked"), default="random"
    )
    parser.add_argument("--model", default="launch/chainbench/chainbench.npz")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=3000)
    own, rest = parser.parse_known_args(argv[1:])
    try:
        config = flags.parse([argv[0], *rest])
        compile_cache.keep(config.train)
        loaded = problem.load(config)
        evaluate = scoring.evaluator(config, loaded)
        part = own.part, own.first, own.count
        plan = (
            of_strategies(config, own.model, *part[1:])
            if own.part == "asked"
            else planned(config, loaded.space, *part)
        )
    except UsageError as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    space, train_key = loaded.space, stage_key(config.seed, "chainbench/training")
    known = {(each.blocks, each.key) for each in read(TRAININGS)}
    for genome, number in plan:
        blocks = space.names(genome)
        if (blocks, number) in known:
            continue
        key = jax.random.fold_in(train_key, number)
        found = evaluate(Candidate(genome, np.ones(len(genome), bool), key))
        accuracy = found.fitness if np.isfinite(found.fitness) else None
        append(
            TRAININGS,
            Training(
                own.part,
                blocks,
                number,
                found.params,
                found.flops,
                accuracy,
                round(found.seconds, 2),
            ),
        )
        known.add((blocks, number))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
