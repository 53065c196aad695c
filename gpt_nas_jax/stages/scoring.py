"""The fitness of a search: by training, or by zero-cost proxies."""

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, EvalConfig
from gpt_nas_jax.evaluation.evaluator import GIB, Evaluator
from gpt_nas_jax.evaluation.scored import ScoredEvaluator, Scorer, draw
from gpt_nas_jax.evaluation.trained import TrainedEvaluator
from gpt_nas_jax.executors import machine, processes, registry
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.stages.records import commonest
from gpt_nas_jax.training.placement import Placement, compute_type
from gpt_nas_jax.types import Key, UsageError

_REFERENCES = 64


def evaluator(config: Config, problem: Problem) -> Evaluator:
    """The evaluator of candidates.

    Raises:
      UsageError: the kept scores of the reference networks are damaged, or none of
        these networks has a score by one of the proxies.
    """
    if config.eval.method == "zero_cost":
        scores = scorer(config, problem)
        return ScoredEvaluator(scores, _reference(config, scores))
    return trained(config, problem, config.eval)


def trained(config: Config, problem: Problem, settings: EvalConfig) -> TrainedEvaluator:
    """The evaluator that trains by these settings, where and as a run's flags say."""
    return TrainedEvaluator(
        problem.space,
        problem.splits,
        settings,
        Placement(processes.at_worker(compute_type, config.train.precision)),
        memory_limit(config),
        config.data.balance,
    )


def memory_limit(config: Config) -> float:
    """GiB that a candidate may take: ``--eval_max_memory``."""
    if config.eval.max_memory != "auto":
        return float(config.eval.max_memory)
    sharers = processes.sharers(config.search.workers)
    return round(processes.at_worker(machine.memory) / sharers / GIB, 3)


def where(config: Config) -> dict[str, Any]:
    """The machine that candidates are evaluated on, for ledgers."""
    limit = memory_limit(config)
    return processes.at_worker(functools.partial(machine.describe, max_memory=limit))


def scorer(config: Config, problem: Problem) -> Scorer:
    """The scorer with the proxies of a run."""
    batch_key, init_key, _ = _keys(config)
    splits, size = problem.splits, config.eval.proxy_batch
    return Scorer(
        problem.space,
        config.search_proxies(),
        draw(splits.train, splits.mean, splits.std, size, batch_key),
        memory_limit(config),
        init_key,
    )


def _keys(config: Config) -> tuple[Key, Key, Key]:
    """Of the images, of all networks' weights and of the reference networks."""
    batch_key, init_key, reference_key = jax.random.split(
        stage_key(config.seed, "proxies"), 3
    )
    return batch_key, init_key, reference_key


def _reference(config: Config, scores: Scorer) -> np.ndarray:
    """Scores ``float64[M, K]`` of random networks, kept in the workdir.

    Ranks need them, so there are none for a single proxy.

    Raises:
      UsageError: as `evaluator`.
    """
    names = list(scores.names)
    if len(names) == 1:
        return np.zeros((0, 1))
    path = workdir.folder(config.workdir) / workdir.REFERENCE
    if path.exists():
        return _read(path, names)
    genomes = np.asarray(scores.space.sample(_keys(config)[-1], _REFERENCES))
    rows, reasons = [], []
    with progress("scoring, reference networks", len(genomes)) as advance:
        run = registry.find(config.executor)
        for row, reason in run(scores, genomes, config.search.workers):
            rows.append(row)
            reasons.append(reason)
            advance()
    if unused := _unused(names, np.stack(rows)):
        raise UsageError(
            f"none of {len(rows)} random networks has a score by {', '.join(unused)}, "
            f"so candidates cannot be ranked; {commonest(reasons)}"
        )
    found = [[None if math.isinf(score) else score for score in row] for row in rows]
    workdir.write_sealed(
        path, {"proxies": names, "genomes": genomes.tolist(), "scores": found}
    )
    return _read(path, names)


def _unused(names: Sequence[str], scores: np.ndarray) -> list[str]:
    """The proxies that scored none of the networks: all candidates have one rank."""
    nothing = np.isneginf(scores).all(0)
    return [name for name, none in zip(names, nothing, strict=True) if none]


def _read(path: Path, names: list[str]) -> np.ndarray:
    remedy = "remove it: the same command makes it again"
    kept = workdir.read_sealed(path, remedy)
    if kept["proxies"] != names:
        raise workdir.damaged(path, "it is of other proxies", remedy)
    rows = [[-math.inf if s is None else s for s in row] for row in kept["scores"]]
    scores = np.array(rows, np.float64)
    if _unused(names, scores):
        # Earlier versions kept these.
        raise workdir.damaged(path, "a proxy scored none of its networks", remedy)
    return scores
