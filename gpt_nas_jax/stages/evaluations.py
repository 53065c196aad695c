"""How the batches of a search are evaluated: at once, or by rungs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.evaluation.climbing import Climb, ClimbingEvaluator
from gpt_nas_jax.evaluation.evaluator import Candidate, Evaluator
from gpt_nas_jax.evaluation.trained import TrainedEvaluator
from gpt_nas_jax.executors import registry as executors
from gpt_nas_jax.executors.stamped import Stamped
from gpt_nas_jax.reports import terminal
from gpt_nas_jax.stages import scoring
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.stages.remembered import Remembered
from gpt_nas_jax.stages.rungs import Rungs
from gpt_nas_jax.types import Evaluation
from gpt_nas_jax.workdir import Ledger

Records = Sequence[dict[str, Any]]
Evaluate = Callable[[Sequence[Candidate], int], Iterable[Evaluation]]
"""Evaluates a batch except its first ``n`` candidates; yields results in order."""


def of(config: Config, problem: Problem, records: Records) -> Evaluate:
    """How a run evaluates batches; threads may evaluate several batches at once.

    Args:
      config: says whether by rungs, where, and with how many workers.
      problem: images and space.
      records: the evaluations of the ledger.

    Raises:
      UsageError: the ledger of rungs is damaged.
    """
    evaluator = scoring.evaluator(config, problem)
    if config.eval.has_rungs():
        return _by_rungs(config, problem, records, evaluator)
    return _at_once(config, problem, records, evaluator)


def _at_once(
    config: Config, problem: Problem, records: Records, evaluator: Evaluator
) -> Evaluate:
    remembered = Remembered(problem.space, config.eval.ruled())
    remembered.read(records)
    executor = executors.find(config.executor)
    # One for all batches, as executors send it once.
    stamped = Stamped(evaluator)

    def run(items: Sequence[Candidate]) -> Iterator[Evaluation]:
        return executor(stamped, items, config.search.workers)

    return lambda items, known: remembered.evaluate(run, items[known:])


def _by_rungs(
    config: Config, problem: Problem, records: Records, evaluator: Evaluator
) -> Evaluate:
    settings = config.eval
    path = workdir.folder(config.workdir) / workdir.RUNGS
    rungs = Rungs(
        problem.space,
        settings.ruled(),
        settings.climbs(),
        settings.keep,
        config.search.costs(),
        Ledger(path, scoring.where(config)),
        terminal.note,
    )
    rungs.read(records)
    executor = executors.find(config.executor)
    # Rungs are refused where candidates are not trained.
    stamped = Stamped(ClimbingEvaluator(cast(TrainedEvaluator, evaluator)))

    def run(climbs: Sequence[Climb]) -> Iterator[Evaluation]:
        return executor(stamped, climbs, config.search.workers)

    return lambda items, known: rungs.evaluate(run, items)[known:]
