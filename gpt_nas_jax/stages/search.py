"""The search: strategy and evaluator in turns, every evaluation in the ledger."""

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import interruption, workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.evaluation.evaluator import Candidate, Evaluator
from gpt_nas_jax.evaluation.scored import Scorer
from gpt_nas_jax.executors import local, machine
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.prior.reconstruct import Prior
from gpt_nas_jax.reports.terminal import progress, short
from gpt_nas_jax.stages import asking, scoring
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.strategies.jitted import jit_by_class
from gpt_nas_jax.strategies.registry import Setup
from gpt_nas_jax.types import Candidates, Evaluation, Key, Strategy, UsageError
from gpt_nas_jax.workdir import Ledger

_STATE = "search"


def run(config: Config, problem: Problem, prior: Prior | None) -> None:
    """Searches until all generations are in the ledger; goes on where one stopped.

    Raises:
      UsageError: the ledger is damaged or of another program, or none of as many
        candidates as make a population could be evaluated.
    """
    path = Path(config.workdir)
    now = machine.describe(max_memory=scoring.memory_limit(config))
    ledger = Ledger(path / workdir.LEDGER, now)
    search = _Search(config, problem, ledger, scoring.evaluator(config, problem))
    name = config.search.strategy
    setup = Setup(
        config.search,
        problem.space,
        config.evaluations(),
        config.search.batch,
        config.search.population,
        stage_key(config.seed, "online"),
        prior,
    )
    chosen = setup.build(name)
    key = stage_key(config.seed, "search")
    init_key, generations_key = jax.random.split(key)
    state = chosen.init(init_key)
    total, size = config.evaluations(), setup.asked(name)
    done = _checked(ledger, total, size)
    machine.tell_of_change(ledger.machines, now)
    remedy = f"remove {path / _STATE}: the search goes on from its ledger"
    first, kept = workdir.load_latest(path / _STATE, state, remedy) or (0, state)
    if len(done) >= first * size:
        state = kept
    else:
        # Lines that the strategy was told of are gone: it is told of all anew.
        first = 0
    with progress("search, candidates", total, done=len(done)) as advance:
        best = max(map(_fitness, done), default=-math.inf)
        for generation in range(first, total // size):
            generation_key = jax.random.fold_in(generations_key, generation)
            ask_key, train_key = jax.random.split(generation_key)
            candidates = search.ask(chosen, ask_key, state)
            known = done[generation * size : (generation + 1) * size]
            fitness = []
            for record in search.records(generation, candidates, train_key, known):
                fitness.append(_fitness(record))
                best = max(best, fitness[-1])
                interruption.obey()
                if len(fitness) > len(known):
                    advance(note=f"generation {generation}, best {short(best)}")
            enough = min(total, config.search.population)
            if best == -math.inf and (generation + 1) * size >= enough:
                _refuse_failures(ledger.read())
            state = _tell(chosen, state, candidates, np.array(fitness, np.float32))
            workdir.save_step(path / _STATE, generation + 1, state)


def read(config: Config) -> list[dict[str, Any]]:
    """The evaluations of a finished search.

    Raises:
      UsageError: it is not finished, or no candidate could be evaluated.
    """
    path = Path(config.workdir)
    expected = config.evaluations()
    size = config.search.asked(config.search.strategy)
    records = _checked(Ledger(path / workdir.LEDGER), expected, size)
    if len(records) < expected:
        raise UsageError(
            f"--workdir={path} holds {len(records)} of {expected} evaluations; run "
            "--stage=search first, or name a network with --retrain_genome"
        )
    if all(record["fitness"] is None for record in records):
        _refuse_failures(records)
    return records


def _checked(ledger: Ledger, total: int, size: int) -> list[dict[str, Any]]:
    """The evaluations of a ledger, each in its place.

    Raises:
      UsageError: one is damaged or out of its place, or there are more than ``total``.
    """
    records = ledger.read()
    for number, record in enumerate(records):
        if number >= total:
            raise UsageError(
                f"{ledger.line(number)} is one evaluation more than the {total} of "
                "this search; delete it and all lines behind it"
            )
        place = divmod(number, size)
        if (record.get("generation"), record.get("index")) != place:
            raise UsageError(
                f"{ledger.line(number)} is no evaluation of generation {place[0]}, "
                f"candidate {place[1]}; delete it and all lines behind it: the same "
                "command evaluates them again"
            )
    return records


def _refuse_failures(records: list[dict[str, Any]]) -> None:
    reasons = Counter(record["reason"] for record in records)
    reason, count = reasons.most_common(1)[0]
    raise UsageError(
        f"none of {len(records)} candidates could be evaluated; {count} failed "
        f"with: {reason}"
    )


def _fitness(record: dict[str, Any]) -> float:
    """What the strategy is told of a line of the ledger."""
    return -math.inf if record["fitness"] is None else record["fitness"]


# As of `asking.ask`, a strategy's arrays are arguments of the program.
@jit_by_class
def _tell(
    strategy: Strategy, state: Any, candidates: Candidates, fitness: jax.Array
) -> Any:
    return strategy.tell(state, candidates, fitness)


@dataclasses.dataclass(frozen=True, eq=False)
class _Search:
    """The parts of a running search."""

    config: Config
    problem: Problem
    ledger: Ledger
    evaluator: Evaluator

    @functools.cached_property
    def scorer(self) -> Scorer:
        """What `ask` chooses by."""
        return scoring.scorer(self.config, self.problem)

    def ask(self, strategy: Strategy, key: Key, state: Any) -> Candidates:
        """What to evaluate next, chosen by proxies where the config says so."""
        settings = self.config.search
        if settings.filter == 1:
            return asking.ask(strategy, key, state)
        return asking.ask_filtered(
            strategy, key, state, settings.filter, self.scorer, settings.workers
        )

    def records(
        self,
        generation: int,
        candidates: Candidates,
        key: Key,
        known: list[dict[str, Any]],
    ) -> Iterator[dict[str, Any]]:
        """The ledger's lines of a generation in order: those there, then new ones."""
        genomes = np.asarray(candidates.genomes)
        proposed = np.asarray(candidates.proposed)
        for index, record in enumerate(known):
            if record["genome"] != genomes[index].tolist():
                line = self.ledger.line(generation * len(genomes) + index)
                raise UsageError(
                    f"{line} is another candidate than this program asks for; go on "
                    "with the version and machine that began, or choose another "
                    "--workdir"
                )
            yield record
        rest = range(len(known), len(genomes))
        items = [
            Candidate(genomes[index], proposed[index], jax.random.fold_in(key, index))
            for index in rest
        ]
        results = local.run(self.evaluator, items, self.config.search.workers)
        for index, item, result in zip(rest, items, results, strict=True):
            record = self._record(generation, index, item, result)
            self.ledger.append(record)
            yield record

    def _record(
        self,
        generation: int,
        index: int,
        item: Candidate,
        result: Evaluation,
    ) -> dict[str, Any]:
        names = self.problem.space.names(item.genome)
        cost = self.evaluator.cost(item.genome)
        return {
            "generation": generation,
            "index": index,
            "genome": item.genome.tolist(),
            "blocks": names,
            "proposed": item.proposed[: len(names)].astype(int).tolist(),
            "params": cost.params,
            "flops": cost.flops,
            "fitness": _finite(result.fitness),
            **_scores(result),
            "reason": result.reason,
            "seconds": round(result.seconds, 3),
        }


def _scores(result: Evaluation) -> dict[str, dict[str, float | None]]:
    """Where fitness is no accuracy, the scores that it is made from."""
    if result.scores is None:
        return {}
    return {"scores": {name: _finite(s) for name, s in result.scores.items()}}


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None
