"""Variance of fitness due to the network and to the key, by learning-rate schedule.

    python launch/benchmarks/fitness_noise.py --flagfile=launch/digits.flags

Takes the flags of a run. Random networks of its space are trained by the recipe of its
search, all blocks, with each schedule of the learning rate and the same keys.

Prints, for each schedule: the mean fitness; its standard deviation over the keys of a
network (pooled, and the median); that of the networks' true means, estimated by
subtracting the keys' share; and the network's share of the variance, which says how
well one training distinguishes two networks (the intraclass correlation). A network
with a failed training, by any schedule, is left out.
"""

import dataclasses
import sys

import jax
import numpy as np

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.evaluation.trained import TrainedEvaluator
from gpt_nas_jax.executors import local
from gpt_nas_jax.reports.terminal import show_table
from gpt_nas_jax.stages import problem
from gpt_nas_jax.types import UsageError

_NETWORKS, _KEYS = 12, 5
_SCHEDULES = ("constant", "linear", "cosine")


def fitness(config: Config, loaded: problem.Problem, schedule: str) -> np.ndarray:
    """Fitness of every network by every key, ``[networks, keys]``."""
    recipe = dataclasses.replace(config.eval.recipe, schedule=schedule)
    settings = dataclasses.replace(config.eval, recipe=recipe, trained_blocks="all")
    evaluator = TrainedEvaluator(loaded.space, loaded.splits, settings)
    sample_key, train_key = jax.random.split(jax.random.key(config.seed))
    genomes = np.asarray(loaded.space.sample(sample_key, _NETWORKS))
    items = [
        Candidate(genome, np.ones(len(genome), bool), jax.random.fold_in(train_key, k))
        for genome in genomes
        for k in range(_KEYS)
    ]
    found = local.run(evaluator, items, config.search.workers)
    return np.array([each.fitness for each in found]).reshape(_NETWORKS, _KEYS)


def row(schedule: str, found: np.ndarray) -> tuple[str, ...]:
    """A line of the table, of ``[networks, keys]``."""
    within = found.var(1, ddof=1)
    of_means = found.mean(1).var(ddof=1)
    between = max(0.0, of_means - within.mean() / found.shape[1])
    return (
        schedule,
        f"{found.mean():.4f}",
        f"{np.sqrt(within.mean()):.4f}",
        f"{np.median(np.sqrt(within)):.4f}",
        f"{np.sqrt(between):.4f}",
        f"{between / (between + within.mean()):.2f}",
    )


def main(argv: list[str]) -> int:
    try:
        config = flags.parse(argv)
        loaded = problem.load(config)
        found = np.stack([fitness(config, loaded, name) for name in _SCHEDULES])
    except UsageError as error:
        print(f"fitness_noise: {error}", file=sys.stderr)
        return 2
    kept = found[:, np.isfinite(found).all((0, 2))]
    show_table(
        f"{kept.shape[1]} of {_NETWORKS} random networks, {_KEYS} keys each, all "
        f"blocks trained for {config.eval.recipe.epochs} epochs",
        ("schedule", "mean", "within", "median", "between", "network's share"),
        list(map(row, _SCHEDULES, kept)),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
