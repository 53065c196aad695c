"""The candidates of one generation, as asked for or as a ledger has them."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.stages.records import Record, candidate_of
from gpt_nas_jax.types import Candidates


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """A generation that is evaluated.

    Attributes:
      candidates: as the strategy asked for them.
      known: lines that are already in the ledger.
      items: the candidates one by one.
      results: records of those that the ledger lacks, in order.
    """

    candidates: Candidates
    known: list[Record]
    items: Sequence[Candidate]
    results: Iterator[Record]


def recorded(records: list[Record]) -> Candidates:
    """The candidates in lines of a ledger, with what strategies are told of them."""
    genomes, proposed = zip(*map(candidate_of, records), strict=True)
    return Candidates(np.stack(genomes), np.stack(proposed))


def begun_otherwise(candidates: Candidates, records: list[Record]) -> Candidates:
    """Candidates with the first ones replaced by those in lines of a ledger."""
    first, count = recorded(records), len(records)

    def put(part: np.ndarray, new: np.ndarray) -> np.ndarray:
        return np.concatenate([new, np.asarray(part)[count:]])

    return candidates.replace(
        genomes=put(candidates.genomes, first.genomes),
        proposed=put(candidates.proposed, first.proposed),
    )


def parents_of(candidates: Candidates, index: int) -> dict[str, list[int]]:
    """The evaluations that a candidate was made from, if its strategy names them."""
    if candidates.parents is None:
        return {}
    named = np.asarray(candidates.parents[index]).tolist()
    return {"parents": [parent for parent in named if parent >= 0]}
