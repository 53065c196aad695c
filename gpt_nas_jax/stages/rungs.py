"""Batches evaluated by successive halving (arXiv 1502.07943)."""

import dataclasses
import itertools
import math
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from gpt_nas_jax.evaluation import halving
from gpt_nas_jax.evaluation.climbing import Climb
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.stages.records import (
    Record,
    candidate_of,
    finite,
    when_and_where,
)
from gpt_nas_jax.stages.remembered import name_of
from gpt_nas_jax.strategies import pareto
from gpt_nas_jax.types import Evaluation, Space
from gpt_nas_jax.workdir import Ledger

Run = Callable[[Sequence[Climb]], Iterable[Evaluation]]


@dataclasses.dataclass(frozen=True, eq=False)
class Rungs:
    """The climbs of a search, all of them by the same key.

    Candidates go on by accuracy, with several objectives by `pareto.standing`. Each
    climb is made once and kept in a separate file, so that an interrupted batch resumes
    midway. A failed climb is not retried.

    Attributes:
      space: identifies equal networks.
      ruled: whether an evaluation depends on the proposed genes, too.
      epochs: of the climb to each rung.
      keep: one in this many candidates goes on.
      costs: objectives other than accuracy.
      ledger: where climbs are kept, in the order in which they ended.
      note: shows the progress of a batch, and how many candidates its work equals.
    """

    space: Space
    ruled: bool
    epochs: tuple[int, ...]
    keep: int
    costs: tuple[str, ...]
    ledger: Ledger
    note: Callable[[str, float], None] = lambda text, ahead: None
    _known: dict[tuple[Hashable, int], Evaluation] = dataclasses.field(
        default_factory=dict
    )
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def read(self, records: Sequence[Record]) -> None:
        """Reads the climbs in the ledger of climbs.

        Args:
          records: the evaluations, whose climbs count as remembered from now on.

        Raises:
          UsageError: it is damaged.
        """
        past = {self._named(record) for record in records}
        for record in self.ledger.read():
            name = self._named(record)
            fitness = record["fitness"]
            found = Evaluation(
                -math.inf if fitness is None else fitness,
                record["reason"],
                record["seconds"],
                record["params"],
                record["flops"],
                accuracies=record["accuracies"] and tuple(record["accuracies"]),
                start=record["start"],
                worker=record["worker"],
                waited=record.get("waited"),
            )
            self._known[name, record["rung"]] = (
                _remembered(found) if name in past else found
            )

    def evaluate(self, run: Run, items: Sequence[Candidate]) -> list[Evaluation]:
        """The evaluations of a whole batch, in order.

        They depend on the batch alone. Seconds are those of all climbs of a candidate,
        0 for those that were known.

        Args:
          run: evaluates climbs, in order.
          items: the candidates.
        """
        names = [self._name(item.genome, item.proposed) for item in items]
        # The first of equal candidates represents all.
        first = {name: index for index, name in reversed([*enumerate(names)])}
        climbing = sorted(first.values())
        climbs: list[dict[int, Evaluation]] = []
        counts = halving.counts(len(climbing), len(self.epochs), self.keep)
        planned = sum(n * epochs for n, epochs in zip(counts, self.epochs, strict=True))
        for rung, epochs in enumerate(self.epochs):
            work = epochs * len(items) / planned
            found = self._climbed(run, items, names, climbing, rung, work)
            climbs.append(found)
            climbing = halving.survivors(self._standing(items, found), self.keep)
            if not climbing:
                break
        accuracies = [
            {i: climb.fitness for i, climb in rung.items()} for rung in climbs
        ]
        fitness = halving.fitness(accuracies, ordered=not self.costs)
        return [
            _evaluation(fitness[first[name]], climbs, first[name], first[name] == index)
            for index, name in enumerate(names)
        ]

    def _climbed(
        self,
        run: Run,
        items: Sequence[Candidate],
        names: Sequence[Hashable],
        climbing: Sequence[int],
        rung: int,
        work: float,
    ) -> dict[int, Evaluation]:
        """The climbs to one rung, by the numbers of their candidates.

        Each is as much work as ``work`` candidates on average.
        """
        due = [index for index in climbing if (names[index], rung) not in self._known]
        known = {
            index: self._known[names[index], rung]
            for index in climbing
            if index not in due
        }
        made: dict[int, Evaluation] = {}
        results = run([Climb(items[index], rung) for index in due])
        for done, (index, result) in enumerate(zip(due, results, strict=True), 1):
            self._append(items[index], rung, result)
            made[index] = result
            text = f"rung {rung + 1} of {len(self.epochs)}, {done} of {len(due)}"
            self.note(text, work)
        found = {index: (known | made)[index] for index in climbing}
        for index, result in found.items():
            self._known[names[index], rung] = _remembered(result)
        return found

    def _standing(
        self, items: Sequence[Candidate], found: dict[int, Evaluation]
    ) -> dict[int, float]:
        """The standing of candidates at a rung; higher is better."""
        genomes = np.stack([items[index].genome for index in found])
        fitness = np.array([climb.fitness for climb in found.values()], np.float32)
        standing = pareto.standing(self.space, self.costs, genomes, fitness)
        return dict(zip(found, np.asarray(standing).tolist(), strict=True))

    def _append(self, item: Candidate, rung: int, result: Evaluation) -> None:
        record = {
            "rung": rung,
            "genome": item.genome.tolist(),
            "proposed": item.proposed.astype(int).tolist(),
            "params": result.params,
            "flops": result.flops,
            "fitness": finite(result.fitness),
            "accuracies": result.accuracies,
            "reason": result.reason,
            **when_and_where(result),
        }
        with self._lock:
            self.ledger.append(record)

    def _named(self, record: Record) -> Hashable:
        return self._name(*candidate_of(record))

    def _name(self, genome: np.ndarray, proposed: np.ndarray) -> Hashable:
        return name_of(self.space, self.ruled, genome, proposed)


def _remembered(climb: Evaluation) -> Evaluation:
    return dataclasses.replace(climb, seconds=0.0, start=None, worker=None, waited=None)


def _evaluation(
    fitness: float,
    climbs: Sequence[dict[int, Evaluation]],
    index: int,
    is_first: bool,
) -> Evaluation:
    """Combines all climbs of a candidate into one evaluation."""
    own: list[Any] = [rung[index] for rung in climbs if index in rung]
    parts = [climb.accuracies for climb in own]
    whole = None if None in parts else tuple(itertools.chain.from_iterable(parts))
    waited = [climb.waited for climb in own if climb.waited is not None]
    return Evaluation(
        fitness,
        own[-1].reason,
        sum(climb.seconds for climb in own) if is_first else 0.0,
        own[-1].params,
        own[-1].flops,
        accuracies=whole,
        start=own[0].start if is_first else None,
        worker=own[-1].worker if is_first else None,
        waited=sum(waited) if waited and is_first else None,
        rungs=len(own),
    )
