"""The evaluations of a search, for its caller."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

_NAMED = (
    *("generation", "index", "genome", "parents"),
    *("fitness", "reason", "seconds"),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """One evaluated candidate.

    Attributes:
      genome: ``int32[L]``.
      fitness: higher is better; ``-inf`` where the evaluation failed.
      reason: why it failed, or None.
      seconds: wall-clock time of the evaluation.
      generation: number of tells before the candidate was asked for.
      index: of the candidate within its generation or batch.
      details: all other entries of the evaluation.
      parents: numbers of the evaluations it was made from, from 0; also empty if the
        strategy does not report them.
    """

    genome: np.ndarray
    fitness: float
    reason: str | None
    seconds: float
    generation: int
    index: int
    details: Mapping[str, Any]
    parents: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Result(Sequence[Trial]):
    """All evaluations of a search in the order in which they were asked for."""

    trials: tuple[Trial, ...]

    def __len__(self) -> int:
        return len(self.trials)

    @overload
    def __getitem__(self, index: int) -> Trial: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Trial, ...]: ...

    def __getitem__(self, index: int | slice) -> Trial | tuple[Trial, ...]:
        return self.trials[index]

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    @property
    def best(self) -> Trial:
        """The fittest evaluation; the first of equals.

        Raises:
          ValueError: no evaluation succeeded.
        """
        found = [trial for trial in self.trials if trial.fitness > -math.inf]
        if not found:
            raise ValueError("no evaluation of this search has a fitness")
        return max(found, key=lambda trial: trial.fitness)


def result_of(records: Sequence[Mapping[str, Any]]) -> Result:
    """Converts the lines of a ledger to a result."""
    return Result(tuple(map(_trial, records)))


def _trial(record: Mapping[str, Any]) -> Trial:
    fitness = record["fitness"]
    return Trial(
        genome=np.array(record["genome"], np.int32),
        fitness=-math.inf if fitness is None else fitness,
        reason=record["reason"],
        seconds=record["seconds"],
        generation=record["generation"],
        index=record["index"],
        details={name: v for name, v in record.items() if name not in _NAMED},
        parents=tuple(record.get("parents", ())),
    )
