"""Evaluations as lines of a ledger."""

import collections
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from gpt_nas_jax.types import Evaluation, UsageError
from gpt_nas_jax.workdir import Ledger

Record = dict[str, Any]
"""An evaluation as a line of the ledger."""


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
                "this search; delete it and all lines after it"
            )
        place = divmod(number, size)
        if (record.get("generation"), record.get("index")) != place:
            raise UsageError(
                f"{ledger.line(number)} is not the evaluation of generation "
                f"{place[0]}, candidate {place[1]}; delete it and all lines after it: "
                "the same command evaluates them again"
            )
    return records


class AllFailed(UsageError):
    """No candidate could be evaluated."""


def refuse_failures(records: list[Record]) -> None:
    """Raises `AllFailed` with the most common reason of failed evaluations."""
    why = commonest([record["reason"] for record in records])
    raise AllFailed(f"none of {len(records)} candidates could be evaluated; {why}")


def commonest(reasons: Iterable[str | None]) -> str:
    """Says how many of one or more networks failed with the most common reason."""
    reason, count = collections.Counter(reasons).most_common(1)[0]
    return f"{count} failed with: {reason}"


def candidate_of(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """The genome, ``int32[L]``, and its proposed genes, ``bool[L]``.

    A line leaves out those behind the last gene, and lines from Python all of them.
    """
    genome = np.array(record["genome"], np.int32)
    kept = record.get("proposed", ())
    proposed = np.zeros(len(genome), bool)
    proposed[: len(kept)] = kept
    return genome, proposed


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
