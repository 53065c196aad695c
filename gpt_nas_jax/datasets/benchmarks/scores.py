"""Zero-cost proxy scores of NAS-Bench-201's cells, as a compact file."""

import dataclasses
import pathlib

import numpy as np

from gpt_nas_jax.datasets.benchmarks import compact
from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES, OPERATIONS
from gpt_nas_jax.types import UsageError

# Wider than any name, and fixed so that every file has the same type.
_NAME = np.dtype("U32")
_COMPACT: dict[str, compact.Column] = {
    "ops": (np.uint8, (compact.N, len(EDGES))),
    "names": (_NAME, (compact.ANY,)),
    "scores": (np.float64, (compact.N, compact.ANY)),
}
_ADVICE = "make it again with --stage=proxies"


# Arrays have no single truth value, so a generated __eq__ could only raise.
@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """The scores of N different cells by K proxies.

    Attributes:
      ops: ``uint8[N, 6]``, as in `nasbench201.NasBench201`.
      names: of the K proxies.
      scores: ``float64[N, K]``, higher is better; ``-inf`` for a degenerate network,
        never nan.
    """

    ops: np.ndarray
    names: tuple[str, ...]
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.ops)


def read(path: pathlib.Path) -> Scores:
    """Reads a file written by `to_bytes`, its cells in the file's order.

    Raises:
      UsageError: it is missing, damaged or of another kind.
    """
    columns = compact.read(path, "proxy scores", _COMPACT)
    scores = Scores(
        columns["ops"], tuple(map(str, columns["names"])), columns["scores"]
    )
    problem = _problem(scores)
    if problem:
        raise UsageError(f"{path}: not a file of proxy scores: {problem}; {_ADVICE}")
    return scores


def to_bytes(scores: Scores) -> bytes:
    """Serialises scores for `read`; equal scores give equal bytes."""
    return compact.to_bytes(
        {
            "ops": scores.ops,
            "names": np.array(scores.names, _NAME),
            "scores": scores.scores,
        }
    )


def _problem(scores: Scores) -> str | None:
    """Describes what is wrong with columns of the right types; None if nothing."""
    columns = scores.scores.shape[1]
    if len(scores.names) != columns:
        return f"{len(scores.names)} names for {columns} columns of scores"
    if len(set(scores.names)) < columns:
        return "a proxy is duplicated"
    if (scores.ops >= len(OPERATIONS)).any():
        return f"NAS-Bench-201 has no operation {scores.ops.max()}"
    if len(np.unique(scores.ops, axis=0)) < len(scores):
        return "a cell is duplicated"
    if not (scores.scores < np.inf).all():
        return "a score is not a number"
    return None
