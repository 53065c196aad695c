"""The search of a run: builds the loop of strategy, evaluator and ledger."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.executors import registry as executors
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.spaces import costs
from gpt_nas_jax.stages import asking, evaluations, given, scoring
from gpt_nas_jax.stages.asking import Filter
from gpt_nas_jax.stages.evaluations import Evaluate
from gpt_nas_jax.stages.hours import Hours
from gpt_nas_jax.stages.loop import Loop
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.stages.records import (
    checked,
    finite,
    refuse_failures,
    when_and_where,
)
from gpt_nas_jax.strategies.contract import asked
from gpt_nas_jax.strategies.proposers import Proposers
from gpt_nas_jax.strategies.registry import Setup
from gpt_nas_jax.types import Candidates, Evaluation, Key, Strategy, UsageError
from gpt_nas_jax.workdir import Ledger


def run(
    config: Config,
    problem: Problem,
    prior: Prior | None,
    after: Callable[[], None],
) -> None:
    """Searches until all generations are in the ledger, or its hours are over.

    Resumes a search that was stopped.

    Args:
      config: of the run.
      problem: images and space.
      prior: for strategies that use one.
      after: called after each generation.

    Raises:
      UsageError: the ledger is damaged or of another program, or as many candidates as
        a population holds were tried and all failed.
    """
    path = workdir.folder(config.workdir)
    now = scoring.where(config)
    ledger = Ledger(path / workdir.LEDGER, now)
    records = ledger.read()
    evaluate = evaluations.of(config, problem, records)
    candidates = _Candidates(config, problem, evaluate)
    hours = Hours(path, config.search.max_hours)
    over = len(records) >= config.evaluations() or hours.are_over(len(records))
    # Where lines were removed, because they were damaged, the same search repeats them.
    ended = len(records) >= hours.evaluations
    if not over and ended and workdir.finalists(path, len(records)).exists():
        workdir.extend(path)
    if not over and (ended or workdir.extended(path) == len(records)):
        workdir.set_aside(path)
    name = config.search.strategy
    setup = Setup(
        config=config.search,
        space=problem.space,
        queries=config.evaluations(),
        batch=config.search.batch,
        ageing=config.search.population,
        key=stage_key(config.seed, "online"),
        proposers=Proposers(problem.space, prior, fcn_steps=config.prior.fcn_steps),
    )
    strategy = setup.build(name)

    def told(done: int) -> None:
        hours.save(done)
        after()

    loop = Loop(
        space=problem.space,
        strategy=strategy,
        total=config.evaluations(),
        size=asked(name, strategy, problem.space),
        enough=config.search.population,
        ledger=ledger,
        path=path,
        ask=candidates.ask,
        evaluate=candidates.records,
        progress=progress,
        after=told,
        lag=config.search.lag,
        # Lines may have been removed since, because they were damaged.
        extended=min(workdir.extended(path), len(records)),
        ends=hours.are_over,
    )
    loop.run(stage_key(config.seed, "search"))


def read(config: Config) -> list[dict[str, Any]]:
    """The evaluations of a search that is finished, or whose hours are over.

    Raises:
      UsageError: it is not finished, or no candidate could be evaluated.
    """
    path = workdir.folder(config.workdir)
    expected = config.evaluations()
    name, search = config.search.strategy, config.search
    size = search.asked(name)
    records = checked(Ledger(path / workdir.LEDGER), expected, size)
    over = Hours(path, config.search.max_hours).are_over(len(records))
    if len(records) < expected and not over:
        raise UsageError(
            f"--workdir={path} holds {len(records)} of {expected} evaluations; run "
            "--stage=search first, name a network with --retrain_genome, or give the "
            "--search_max_hours that ended the search"
        )
    if all(record["fitness"] is None for record in records):
        refuse_failures(records)
    return records


@dataclasses.dataclass(frozen=True, eq=False)
class _Candidates:
    """How candidates are chosen and evaluated, by a run's settings."""

    config: Config
    problem: Problem
    evaluate: Evaluate

    @functools.cached_property
    def filter(self) -> Filter:
        """The proxies that `ask` chooses by."""
        settings = self.config.search
        return Filter(
            settings.filter,
            scoring.scorer(self.config, self.problem),
            executors.find(self.config.executor),
            settings.workers,
            enough=settings.population,
        )

    @functools.cached_property
    def given(self) -> np.ndarray:
        """The user's networks, ``int32[N, L]``."""
        return given.read(self.config.search.seeds_from, self.problem.space)

    def ask(self, strategy: Strategy, key: Key, state: Any, number: int) -> Candidates:
        """The candidates of generation ``number``: the user's first.

        They are chosen by proxies where the config says so.
        """
        chosen = asking.ask if self.config.search.filter == 1 else self.filter
        candidates = chosen(strategy, key, state)
        return given.placed(self.given, candidates, number)

    def records(
        self, items: Sequence[Candidate], known: int
    ) -> Iterator[dict[str, Any]]:
        """The ledger entries of a batch, in order, without the first ``known``."""
        noted = self.config.search.noted()
        for item, result in zip(
            items[known:], self.evaluate(items, known), strict=True
        ):
            names = self.problem.space.names(item.genome)
            yield {
                "blocks": names,
                "proposed": item.proposed[: len(names)].astype(int).tolist(),
                "params": result.params,
                "flops": result.flops,
                **costs.noted(self.problem.space, noted, item.genome),
                "fitness": finite(result.fitness),
                **_details(result),
                "reason": result.reason,
                **when_and_where(result),
            }


def _details(result: Evaluation) -> dict[str, Any]:
    """The accuracies by epoch, or the scores, that fitness is made from."""
    if result.scores is not None:
        return {"scores": {name: finite(s) for name, s in result.scores.items()}}
    if result.accuracies is not None:
        rungs = {} if result.rungs is None else {"rungs": result.rungs}
        return {"accuracies": list(result.accuracies), **rungs}
    return {}
