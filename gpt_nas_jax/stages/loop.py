"""The search loop: ask, evaluate, record every evaluation in a ledger, tell."""

import collections
import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax import interruption, workdir
from gpt_nas_jax.datasets.source import Progress
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.executors import machine
from gpt_nas_jax.executors.ahead import Ahead
from gpt_nas_jax.reports.terminal import short
from gpt_nas_jax.stages.batch import Batch, begun_otherwise, parents_of, recorded
from gpt_nas_jax.stages.records import Record, checked, fitness_of, refuse_failures
from gpt_nas_jax.strategies.jitted import jit_by_class
from gpt_nas_jax.types import (
    Candidates,
    Key,
    Space,
    Strategy,
    UsageError,
)
from gpt_nas_jax.workdir import Ledger

_STATE = "search"


Evaluate = Callable[[Sequence[Candidate], int], Iterator[Record]]
"""Evaluates a batch except its first ``n`` candidates; yields records in order.

Records lack place and genome. One holds ``fitness``, None for a failure, and
``reason``.
"""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Loop:
    """A whole search.

    Attributes:
      space: of the genomes.
      strategy: a pytree.
      total: evaluations, a multiple of ``size``.
      size: candidates per ask of the strategy.
      enough: evaluations after which the search ends with an error if all have failed.
      ledger: stores the evaluations.
      path: the folder that keeps the strategy's state; None to keep none.
      ask: maps the strategy, a key, its state and a generation's number to candidates.
      evaluate: evaluates them.
      progress: shows the progress of the search.
      after: called with the number of evaluations when a generation is told, and its
        state kept.
      lag: generations still in evaluation when the next one is asked for, without their
        results.
      extended: evaluations of an earlier, shorter search; they are told unchanged.
      ends: called with the number of evaluations before each generation; returns
        whether the search ends early.
    """

    space: Space
    strategy: Strategy
    total: int
    size: int
    enough: int
    ledger: Ledger
    path: Path | None
    ask: Callable[[Strategy, Key, Any, int], Candidates]
    evaluate: Evaluate
    progress: Progress
    after: Callable[[int], None] = lambda done: None
    lag: int = 0
    extended: int = 0
    ends: Callable[[int], bool] = lambda done: False

    def run(self, key: Key) -> list[Record]:
        """Searches until all evaluations are in the ledger; returns them.

        Continues after those that are there. All evaluations have the same key:
        candidates are compared under common random numbers.

        Raises:
          UsageError: the ledger is damaged or of another program, or ``enough``
            candidates failed and no other one was evaluated.
        """
        init_key, asking_key, evaluation_key = jax.random.split(key, 3)
        initial = jax.tree.map(_array, self.strategy.init(init_key))
        records = checked(self.ledger, self.total, self.size)
        machine.tell_of_change(self.ledger.machines, self.ledger.machine)
        told, states = self._kept(initial, len(records))
        best = max(map(fitness_of, records), default=-math.inf)
        batches: collections.deque[Batch] = collections.deque()
        with (
            self.progress("search, candidates", self.total, len(records)) as advance,
            contextlib.ExitStack() as running,
        ):
            while True:
                for state in states[len(batches) :]:
                    number = told + len(batches)
                    if self._is_over(number, len(records)):
                        break
                    known = records[number * self.size : (number + 1) * self.size]
                    keys = jax.random.fold_in(asking_key, number), evaluation_key
                    batches.append(self._begun(number, known, state, *keys, running))
                if not batches:
                    return records
                batch = batches.popleft()
                fitness = [fitness_of(record) for record in batch.known]
                for record in self._new(told, batch):
                    fitness.append(fitness_of(record))
                    best = max(best, fitness[-1])
                    interruption.obey()
                    records.append(record)
                    advance(note=f"generation {told}, best {short(best)}")
                told += 1
                enough = min(self.total, self.enough)
                if best == -math.inf and told * self.size >= enough:
                    refuse_failures(records)
                values = np.array(fitness, np.float32)
                # A search that goes on tells lines of its ledger, which lack them.
                candidates = batch.candidates.replace(parents=None)
                newest = _tell(self.strategy, states[-1], candidates, values)
                states = (*states[1:], newest)
                if self.path is not None:
                    workdir.save_step(self.path / _STATE, told, _saved(told, states))
                self.after(told * self.size)

    def _kept(self, initial: Any, done: int) -> tuple[int, tuple[Any, ...]]:
        """The number of generations told to the kept state, and the latest states.

        There are ``lag`` + 1 of these, the newest last.
        """
        begins = 0, (initial,) * (self.lag + 1)
        if self.path is None:
            return begins
        folder = self.path / _STATE
        remedy = f"remove {folder}: the search resumes from its ledger"
        found = workdir.load_latest(folder, _saved(*begins), remedy)
        # If lines that the strategy was told of are gone, it is told of all again.
        if found is None or done < found[0] * self.size:
            return begins
        told, saved = found
        return told, (*saved.get("earlier", ()), saved["state"])

    def _is_over(self, number: int, done: int) -> bool:
        """Whether a generation must not begin."""
        if number >= self.total // self.size:
            return True
        return number * self.size >= done and self.ends(done)

    def _begun(
        self,
        number: int,
        known: list[Record],
        state: Any,
        ask_key: Key,
        evaluation_key: Key,
        running: contextlib.ExitStack,
    ) -> Batch:
        """Asks for a generation; with a lag, its evaluation starts at once."""
        told = self.extended - number * self.size
        if told >= self.size:
            return Batch(recorded(known), known, (), iter(()))
        candidates = self.ask(self.strategy, ask_key, state, number)
        _refuse_invalid(self.space, candidates)
        if told > 0:
            candidates = begun_otherwise(candidates, known[:told])
        genomes = np.asarray(candidates.genomes)
        proposed = np.asarray(candidates.proposed)
        for index, record in enumerate(known):
            if record["genome"] != genomes[index].tolist():
                line = self.ledger.line(number * self.size + index)
                raise UsageError(
                    f"{line} is another candidate than this program asks for; "
                    "resume with the version and on the machine that began the run, or "
                    "choose another --workdir"
                )
        items = [
            Candidate(*parts, evaluation_key)
            for parts in zip(genomes, proposed, strict=True)
        ]
        results: Iterator[Record] = iter(())
        if len(known) < len(items):
            results = self.evaluate(items, len(known))
        if self.lag:
            ahead = Ahead(results)
            running.callback(ahead.close)
            results = iter(ahead)
        return Batch(candidates, known, items, results)

    def _new(self, number: int, batch: Batch) -> Iterator[Record]:
        """Appends and yields the lines of a generation that the ledger lacks."""
        rest = range(len(batch.known), len(batch.items))
        for index, result in zip(rest, batch.results, strict=True):
            place = {"generation": number, "index": index}
            genome = batch.items[index].genome.tolist()
            origin = {"genome": genome, **parents_of(batch.candidates, index)}
            record = {**place, **origin, **result}
            self.ledger.append(record)
            yield record


def _array(leaf: Any) -> jax.Array:
    """A leaf of a state, such as a Python number, as the array that is restored."""
    return jnp.asarray(leaf, jnp.asarray(leaf).dtype)


def _saved(told: int, states: tuple[Any, ...]) -> dict[str, Any]:
    """A strategy's states in the form they are saved in, the newest last.

    Orbax saves neither bare arrays nor empty trees.
    """
    *earlier, state = states
    saved = {"told": np.int32(told), "state": state}
    return saved | ({"earlier": tuple(earlier)} if earlier else {})


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


# As in `asking.ask`, a strategy's arrays are arguments of the program.
@jit_by_class
def _tell(
    strategy: Strategy, state: Any, candidates: Candidates, fitness: jax.Array
) -> Any:
    return strategy.tell(state, candidates, fitness)
