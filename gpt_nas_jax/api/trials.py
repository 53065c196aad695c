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
      generation: how often the strategy had been told before.
      index: of the candidate in what was asked then.
      details: what else the evaluation noted.
      parents: the evaluations that it was made from, counted from 0; empty, too, where
        its strategy does not say.
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
    """All evaluations of a search in the order in which they were asked."""

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
        """The fittest evaluation; of equals the first.

        Raises:
          ValueError: there is none that did not fail.
        """
        found = [trial for trial in self.trials if trial.fitness > -math.inf]
        if not found:
            raise ValueError("no evaluation of this search has a fitness")
        return max(found, key=lambda trial: trial.fitness)


def result_of(records: Sequence[Mapping[str, Any]]) -> Result:
    """The result that lines of a ledger tell of."""
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
