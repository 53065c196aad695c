"""Strategy and evaluations in turns, every evaluation in a ledger."""

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import interruption, workdir
from gpt_nas_jax.datasets.source import Progress
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.executors import machine
from gpt_nas_jax.reports.terminal import short
from gpt_nas_jax.strategies.jitted import jit_by_class
from gpt_nas_jax.types import (
    Candidates,
    Evaluation,
    Key,
    Space,
    Strategy,
    UsageError,
)
from gpt_nas_jax.workdir import Ledger

_STATE = "search"

Record = dict[str, Any]
"""An evaluation as a line of the ledger."""


@dataclasses.dataclass(frozen=True, eq=False)
class Loop:
    """A whole search.

    Attributes:
      space: of the genomes.
      strategy: a pytree.
      total: evaluations, a multiple of ``size``.
      size: candidates that the strategy asks at a time.
      enough: evaluations, all of them failed, that end the search with an error.
      ledger: where evaluations are kept and found again.
      path: the folder that keeps the strategy's state; None to keep none.
      ask: the strategy, a key and its state to candidates.
      evaluate: candidates to their records, in order, without place and genome. A
        record holds ``fitness``, None for a failure, and ``reason``.
      progress: shows how far the search is.
      after: called when a generation is told, and its state kept.
    """

    space: Space
    strategy: Strategy
    total: int
    size: int
    enough: int
    ledger: Ledger
    path: Path | None
    ask: Callable[[Strategy, Key, Any], Candidates]
    evaluate: Callable[[Sequence[Candidate]], Iterator[Record]]
    progress: Progress
    after: Callable[[], None] = lambda: None

    def run(self, key: Key) -> list[Record]:
        """Searches until all evaluations are in the ledger; returns them.

        Goes on behind those that are there. All evaluations have the same key:
        candidates are compared by common random numbers.

        Raises:
          UsageError: the ledger is damaged or of another program, or ``enough``
            candidates failed and no other one was evaluated.
        """
        init_key, asking_key, evaluation_key = jax.random.split(key, 3)
        initial = self.strategy.init(init_key)
        records = checked(self.ledger, self.total, self.size)
        machine.tell_of_change(self.ledger.machines, self.ledger.machine)
        first, state = self._kept(initial, len(records))
        with self.progress("search, candidates", self.total, len(records)) as advance:
            best = max(map(fitness_of, records), default=-math.inf)
            for generation in range(first, self.total // self.size):
                ask_key = jax.random.fold_in(asking_key, generation)
                candidates = self.ask(self.strategy, ask_key, state)
                _refuse_invalid(self.space, candidates)
                start = generation * self.size
                known = records[start : start + self.size]
                fitness = []
                lines = self._records(generation, candidates, evaluation_key, known)
                for record in lines:
                    fitness.append(fitness_of(record))
                    best = max(best, fitness[-1])
                    interruption.obey()
                    if len(fitness) > len(known):
                        records.append(record)
                        advance(note=f"generation {generation}, best {short(best)}")
                enough = min(self.total, self.enough)
                if best == -math.inf and start + self.size >= enough:
                    refuse_failures(records)
                values = np.array(fitness, np.float32)
                state = _tell(self.strategy, state, candidates, values)
                if self.path is not None:
                    done = generation + 1
                    workdir.save_step(self.path / _STATE, done, _saved(done, state))
                self.after()
        return records

    def _kept(self, initial: Any, done: int) -> tuple[int, Any]:
        """The generations that the kept state was told of, and the state."""
        if self.path is None:
            return 0, initial
        folder = self.path / _STATE
        remedy = f"remove {folder}: the search goes on from its ledger"
        found = workdir.load_latest(folder, _saved(0, initial), remedy)
        # Where lines that the strategy was told of are gone, it is told of all anew.
        if found is None or done < found[0] * self.size:
            return 0, initial
        return found[0], found[1]["state"]

    def _records(
        self, generation: int, candidates: Candidates, key: Key, known: list[Record]
    ) -> Iterator[Record]:
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
        items = [Candidate(genomes[index], proposed[index], key) for index in rest]
        results = self.evaluate(items)
        for index, item, result in zip(rest, items, results, strict=True):
            place = {"generation": generation, "index": index}
            genome = {"genome": item.genome.tolist(), **_parents(candidates, index)}
            record = {**place, **genome, **result}
            self.ledger.append(record)
            yield record


def _parents(candidates: Candidates, index: int) -> dict[str, list[int]]:
    """The evaluations that a candidate was made from, where its strategy says so."""
    if candidates.parents is None:
        return {}
    named = np.asarray(candidates.parents[index]).tolist()
    return {"parents": [parent for parent in named if parent >= 0]}


def _saved(told: int, state: Any) -> dict[str, Any]:
    """A strategy's state as it is kept; Orbax saves neither bare arrays nor nothing."""
    return {"told": np.int32(told), "state": state}


def _refuse_invalid(space: Space, candidates: Candidates) -> None:
    valid = np.asarray(_valid(space, candidates.genomes))
    if not valid.all():
        wrong = np.asarray(candidates.genomes)[np.argmin(valid)].tolist()
        raise UsageError(
            f"the strategy asked for the genome {wrong}, which is not valid in this "
            "space; its ask must return genomes for which space.valid holds"
        )


@functools.partial(jax.jit, static_argnums=0)
def _valid(space: Space, genomes: jax.Array) -> jax.Array:
    return space.valid(genomes)


def checked(ledger: Ledger, total: int, size: int) -> list[Record]:
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


def refuse_failures(records: list[Record]) -> None:
    """Raises UsageError with the commonest reason of failed evaluations."""
    reasons = Counter(record["reason"] for record in records)
    reason, count = reasons.most_common(1)[0]
    raise UsageError(
        f"none of {len(records)} candidates could be evaluated; {count} failed "
        f"with: {reason}"
    )


def fitness_of(record: Record) -> float:
    """The fitness that the strategy is told of; ``-inf`` for a failure."""
    return -math.inf if record["fitness"] is None else record["fitness"]


def finite(value: float) -> float | None:
    """A number for JSON, which has no infinity."""
    return value if math.isfinite(value) else None


def when_and_where(result: Evaluation) -> Record:
    """The entries of a ledger that differ when a run is repeated."""
    seconds = round(result.seconds, 3)
    waited = {} if result.waited is None else {"waited": round(result.waited, 3)}
    where = {"start": result.start, "worker": result.worker}
    return {"seconds": seconds, **waited, **where}


# As of `asking.ask`, a strategy's arrays are arguments of the program.
@jit_by_class
def _tell(
    strategy: Strategy, state: Any, candidates: Candidates, fitness: jax.Array
) -> Any:
    return strategy.tell(state, candidates, fitness)
