"""Evaluations that are made once, however often they are asked for."""

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.stages.records import candidate_of
from gpt_nas_jax.types import Evaluation, Genome, Space

Run = Callable[[Sequence[Candidate]], Iterable[Evaluation]]


@dataclasses.dataclass(frozen=True, eq=False)
class Remembered:
    """The successful evaluations of a search, all of them by the same key.

    A candidate that failed is evaluated again when it is asked for again: by then it
    may have more memory or time.

    Attributes:
      space: identifies equal networks.
      ruled: whether an evaluation depends on the proposed genes, too.
      known: evaluations by network and, where they count, proposed genes; grows.
    """

    space: Space
    ruled: bool
    known: dict[Hashable, Evaluation] = dataclasses.field(default_factory=dict)

    def read(self, records: Iterable[dict[str, Any]]) -> None:
        """Adds the evaluations of a ledger."""
        for record in records:
            if record["fitness"] is None:
                continue
            evaluation = Evaluation(
                fitness=record["fitness"],
                reason=None,
                seconds=0.0,
                params=record["params"],
                flops=record["flops"],
                scores=record.get("scores"),
                accuracies=record.get("accuracies"),
            )
            self.known[self._name(*candidate_of(record))] = evaluation

    def evaluate(self, run: Run, items: Sequence[Candidate]) -> Iterator[Evaluation]:
        """Yields the evaluations of candidates in order; those known take 0 seconds.

        Args:
          run: evaluates candidates, in order.
          items: the candidates.
        """
        names = [self._name(item.genome, item.proposed) for item in items]
        new: dict[Hashable, int] = {}
        for index, name in enumerate(names):
            if name not in self.known:
                new.setdefault(name, index)
        results = iter(run([items[index] for index in new.values()]))
        made: dict[Hashable, Evaluation] = {}
        for index, name in enumerate(names):
            if new.get(name) == index:
                made[name] = next(results)
                yield made[name]
            else:
                evaluation = made.get(name) or self.known[name]
                yield dataclasses.replace(
                    evaluation, seconds=0.0, start=None, worker=None, waited=None
                )
        # After its last result an executor reports whether there were too many.
        next(results, None)
        self.known.update(
            {name: found for name, found in made.items() if found.reason is None}
        )

    def _name(self, genome: Genome, proposed: np.ndarray) -> Hashable:
        return name_of(self.space, self.ruled, genome, proposed)


def name_of(
    space: Space, ruled: bool, genome: Genome, proposed: np.ndarray
) -> Hashable:
    """A key that candidates share if they are trained alike.

    Args:
      space: identifies equal networks.
      ruled: whether an evaluation depends on the proposed genes, too.
      genome: ``int32[L]``.
      proposed: ``bool[L]``.
    """
    network = np.asarray(space.identity(genome)).tobytes()
    return network, np.asarray(proposed).tobytes() if ruled else b""
