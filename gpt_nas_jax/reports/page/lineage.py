"""The ancestry of the best network, parent by parent."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence

from gpt_nas_jax.reports.page.run import Record, Run, names


@dataclasses.dataclass(frozen=True)
class Gene:
    """A gene of an ancestor.

    Attributes:
      name: of the block.
      new: whether it does not come from the parent above.
      proposed: whether the prior proposed it.
    """

    name: str
    new: bool
    proposed: bool


@dataclasses.dataclass(frozen=True)
class Ancestor:
    """One step of the ancestry.

    Attributes:
      record: of the candidate.
      genes: its genes.
      other: the number of the second parent, or None.
    """

    record: Record
    genes: tuple[Gene, ...]
    other: int | None


def line(run: Run) -> list[Ancestor]:
    """The best network and its ancestors, the earliest first.

    At each step the parent that shares more genes; empty if the ledger has no parents.
    """
    if run.best is None or "parents" not in run.best:
        return []
    by_number = {record["number"]: record for record in run.records}
    found: list[Ancestor] = []
    record = run.best
    while record is not None:
        parent, other = _parents(record, by_number)
        found.append(Ancestor(record, _genes(record, parent), other))
        record = parent
    return found[::-1]


def ancestors(run: Run) -> int:
    """How many evaluations the best network descends from."""
    by_number = {record["number"]: record for record in run.records}
    known: set[int] = set()
    waiting = list(run.best.get("parents", ())) if run.best else []
    while waiting:
        number = waiting.pop()
        if number not in known:
            known.add(number)
            waiting += by_number[number].get("parents", ())
    return len(known)


def _parents(
    record: Record, by_number: Mapping[int, Record]
) -> tuple[Record | None, int | None]:
    """The parent that a candidate is more like, and the number of the other."""
    parents = [by_number[number] for number in record.get("parents", ())]
    if not parents:
        return None, None
    own = names(record)
    nearest = max(parents, key=lambda parent: _shared(names(parent), own))
    others = [p["number"] for p in parents if p is not nearest]
    return nearest, others[0] if others else None


def _genes(record: Record, parent: Record | None) -> tuple[Gene, ...]:
    own, proposed = names(record), record.get("proposed") or []
    proposed = [bool(gene) for gene in proposed] + [False] * len(own)
    # If everything counts as proposed, no prior has filled gaps.
    marks = not all(proposed[: len(own)])
    kept = set(range(len(own)))
    if parent is not None:
        blocks = _matcher(names(parent), own).get_matching_blocks()
        kept = {block.b + k for block in blocks for k in range(block.size)}
    return tuple(
        Gene(name, place not in kept, marks and proposed[place])
        for place, name in enumerate(own)
    )


def _shared(first: Sequence[str], second: Sequence[str]) -> int:
    return sum(block.size for block in _matcher(first, second).get_matching_blocks())


def _matcher(
    first: Sequence[str], second: Sequence[str]
) -> difflib.SequenceMatcher[str]:
    return difflib.SequenceMatcher(None, first, second, autojunk=False)
