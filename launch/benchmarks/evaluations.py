"""Candidates per hour: block programs against one program per network.

    python launch/benchmarks/evaluations.py --flagfile=launch/cifar10_small.flags \
        --data_dir=DIR

Takes the flags of a run. Random candidates of its space are evaluated as in the
search, with the same number of workers and nothing compiled in advance: by block
programs under the paper's rules (each block proposed at the rate of generation 0), by
block programs that train all blocks, and each as one jitted program, which trains all
blocks. By the second half, most blocks have been compiled. Then all are evaluated
again, as in a long search or after ``--train_warmup=all``, with every block compiled.
"""

import dataclasses
import sys
import time
from collections.abc import Callable

import jax
import numpy as np

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config, Recipe, RetrainRecipe
from gpt_nas_jax.evaluation.trained import Candidate, TrainedEvaluator
from gpt_nas_jax.executors import local
from gpt_nas_jax.reports.terminal import show_table
from gpt_nas_jax.stages import problem
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.batches import to_device

_CANDIDATES = 32
# Enough for programs that share nothing.
_WHOLE = 8
_ONE_PROGRAM = "whole"


def candidates(config: Config, loaded: problem.Problem) -> list[Candidate]:
    """Random genomes, with genes proposed at the rate of generation 0."""
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
    splits = loaded.splits
    shared = [field.name for field in dataclasses.fields(Recipe)]
    recipe = RetrainRecipe(
        **{name: getattr(config.eval.recipe, name) for name in shared}
    )
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
        _ONE_PROGRAM: (as_one_program(config, loaded), items[:_WHOLE]),
        "blocks, the paper's rules": (
            TrainedEvaluator(loaded.space, loaded.splits, config.eval),
            items,
        ),
        "blocks, all trained": (
            TrainedEvaluator(loaded.space, loaded.splits, everything),
            items,
        ),
    }
    rows, reference = [], None
    for name, (evaluate, chosen) in ways.items():
        jax.clear_caches()
        half = len(chosen) // 2
        ends = _ends(evaluate, chosen, config.search.workers)
        figures = [
            len(chosen) / ends[-1],
            (len(chosen) - half) / (ends[-1] - ends[half - 1]),
        ]
        if name != _ONE_PROGRAM:
            again = _ends(evaluate, chosen, config.search.workers)
            figures.append(len(chosen) / again[-1])
        reference = reference or figures[0]
        cells = (f"{3600 * rate:.0f} ({rate / reference:.1f}x)" for rate in figures)
        rows.append((name, len(chosen), *cells, *["-"] * (3 - len(figures))))
    columns = ("way", "candidates", "cold start", "second half", "all blocks compiled")
    show_table("Candidates an hour", columns, rows)


def _ends(
    evaluate: Callable[[Candidate], object], items: list[Candidate], workers: int
) -> list[float]:
    """The seconds after which each candidate was evaluated."""
    begin = time.perf_counter()
    results = local.run(evaluate, items, workers)
    return [time.perf_counter() - begin for _ in results]


if __name__ == "__main__":
    main()
