"""How many candidates an hour: block programs against a program for each network.

    python launch/benchmarks/evaluations.py --flagfile=launch/cifar10_small.flags \
        --data_dir=DIR

Takes the flags of a run. Random candidates of its space are evaluated as the search
does, with as many workers and nothing compiled before: by block programs under the
paper's rules (each block proposed at the rate of generation 0), by block programs with
everything trained, and each as one jitted program, which trains everything. Compiling
for the first of the candidates is in the figures; a search has many more.
"""

import dataclasses
import sys
import time
from collections.abc import Callable

import jax
import numpy as np

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config
from gpt_nas_jax.evaluation.trained import Candidate, TrainedEvaluator
from gpt_nas_jax.executors import local
from gpt_nas_jax.stages import problem
from gpt_nas_jax.stages.terminal import show_table
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.batches import to_device

_CANDIDATES = 32
_WHOLE = 8
"""Of them are enough for programs that share nothing."""


def candidates(config: Config, loaded: problem.Problem) -> list[Candidate]:
    """Random genomes; what is proposed in them at the rate of generation 0."""
    sample_key, proposed_key, key = jax.random.split(jax.random.key(config.seed), 3)
    genomes = np.asarray(loaded.space.sample(sample_key, _CANDIDATES))
    rate = config.search.elimination_rate
    proposed = np.asarray(jax.random.bernoulli(proposed_key, rate, genomes.shape))
    return [
        Candidate(genome, chosen, jax.random.fold_in(key, index))
        for index, (genome, chosen) in enumerate(zip(genomes, proposed, strict=True))
    ]


def as_one_program(
    config: Config, loaded: problem.Problem
) -> Callable[[Candidate], float]:
    """The evaluation of a candidate whose network is compiled as a whole."""
    splits, recipe = loaded.splits, config.eval.recipe
    moments = splits.mean, splits.std, splits.flip

    def evaluate(candidate: Candidate) -> float:
        chain = loaded.space.decode(candidate.genome)
        train = to_device(splits.train, *moments)
        state = whole.fit(
            chain, recipe, train, candidate.key, None, lambda *after: None
        )
        valid = to_device(splits.valid, *moments)
        return whole.accuracy(chain, state, valid, recipe.batch)

    return evaluate


def main() -> None:
    config = flags.parse(sys.argv)
    if isinstance(config, str):
        sys.exit(__doc__)
    loaded = problem.load(config)
    items = candidates(config, loaded)
    everything = dataclasses.replace(config.eval, trained_blocks="all")
    ways = {
        "whole": (as_one_program(config, loaded), items[:_WHOLE]),
        "blocks, the paper's rules": (
            TrainedEvaluator(loaded.space, loaded.splits, config.eval),
            items,
        ),
        "blocks, all trained": (
            TrainedEvaluator(loaded.space, loaded.splits, everything),
            items,
        ),
    }
    rows, rates = [], {}
    for name, (evaluate, chosen) in ways.items():
        jax.clear_caches()
        begin = time.perf_counter()
        ends = []
        for _ in local.run(evaluate, chosen, config.search.workers):
            ends.append(time.perf_counter() - begin)
        rates[name] = 3600 * len(chosen) / ends[-1]
        half = len(chosen) // 2
        later = 3600 * (len(chosen) - half) / (ends[-1] - ends[half - 1])
        rows.append(
            (
                name,
                len(chosen),
                f"{rates[name]:.0f}",
                f"{rates[name] / rates['whole']:.1f}",
                f"{later:.0f}",
                f"{later / rates['whole']:.1f}",
            )
        )
    columns = (
        "way",
        "candidates",
        "an hour",
        "of whole",
        "second half, an hour",
        "second half, of whole",
    )
    show_table("Candidates an hour, from nothing compiled", columns, rows)


if __name__ == "__main__":
    main()
