"""Networks as token sequences, cut into windows."""

import dataclasses
import hashlib
from collections.abc import Sequence

import jax
import numpy as np

from gpt_nas_jax.tokens.vocabulary import START
from gpt_nas_jax.types import Key, UsageError

CONTEXT = 10
"""Context length of the GPT in the paper, in layers."""

_CHUNK = 20_000


@dataclasses.dataclass(frozen=True, eq=False)
class Architectures:
    """Distinct token sequences and the number of networks with each.

    Attributes:
      sequences: ``int32[L]`` each.
      counts: ``float64[N]``.
    """

    sequences: tuple[np.ndarray, ...]
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.sequences)

    def take(self, indices: np.ndarray) -> "Architectures":
        """The architectures at these positions."""
        chosen = tuple(self.sequences[index] for index in indices)
        return Architectures(chosen, self.counts[indices])


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Distinct windows of ``C + 1`` tokens; the last is the one to predict.

    A pytree of arrays on the host.

    Attributes:
      tokens: ``int32[N, C + 1]``.
      weights: ``float64[N]``, how often each occurs.
    """

    tokens: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def context(self) -> int:
        """Number of tokens before the one to predict."""
        return self.tokens.shape[1] - 1

    def digest(self) -> str:
        """A hash of the windows and their weights."""
        digest = hashlib.sha256(self.tokens.astype(np.int32).tobytes())
        digest.update(self.weights.astype(np.float64).tobytes())
        return digest.hexdigest()


def hold_out(
    architectures: Architectures, key: Key, fraction: float
) -> tuple[Architectures, Architectures]:
    """Splits whole architectures into (seen, held out) as `split` does."""
    seen, held = split(len(architectures), key, fraction)
    return architectures.take(seen), architectures.take(held)


def split(count: int, key: Key, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Splits positions into seen and held out ones, at least one of each.

    Args:
      count: number of positions.
      key: decides which are held out.
      fraction: that is held out, in [0, 1].

    Returns:
      ``int32`` positions below ``count``, both ascending.

    Raises:
      UsageError: there are fewer than two.
    """
    if count < 2:
        raise UsageError(
            f"{count} distinct architectures: at least 2 are needed, to learn from "
            "and to measure on; lower --prior_min_accuracy"
        )
    order = np.asarray(jax.random.permutation(key, count))
    held = min(max(1, round(fraction * count)), count - 1)
    return np.sort(order[held:]), np.sort(order[:held])


def alike(sequences: Sequence[np.ndarray]) -> list[list[int]]:
    """Groups the positions of equal sequences, in order of first occurrence."""
    groups: dict[bytes, list[int]] = {}
    for index, sequence in enumerate(sequences):
        groups.setdefault(sequence.tobytes(), []).append(index)
    return list(groups.values())


def distinct(
    sequences: Sequence[np.ndarray], groups: Sequence[Sequence[int]]
) -> Architectures:
    """The architectures of groups from `alike`, with the groups' sizes as counts."""
    return Architectures(
        tuple(sequences[group[0]] for group in groups),
        np.array([len(group) for group in groups], np.float64),
    )


def windows(architectures: Architectures, context: int = CONTEXT) -> Windows:
    """All windows with stride 1, equal ones merged and their weights added.

    Sequences are preceded by ``context`` start tokens, so that the first layer is
    predicted, too.
    """
    merged = Windows(np.zeros((0, context + 1), np.int32), np.zeros(0))
    for start in range(0, len(architectures), _CHUNK):
        stop = start + _CHUNK
        sequences, counts = architectures.sequences, architectures.counts
        cut = _windows_of(sequences[start:stop], counts[start:stop], context)
        merged = joined([merged, cut])
    return merged


def balanced(phases: Sequence[Windows]) -> Windows:
    """Joins several corpora, each rescaled to the total weight of the last one."""
    total = phases[-1].weights.sum()
    return joined(
        [
            Windows(phase.tokens, phase.weights * (total / phase.weights.sum()))
            for phase in phases
        ]
    )


def joined(parts: Sequence[Windows]) -> Windows:
    """Joins windows and merges equal ones."""
    return merge(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def merge(tokens: np.ndarray, weights: np.ndarray) -> Windows:
    """Merges equal rows of ``tokens[N, K]`` and adds their weights."""
    _, first, inverse = np.unique(
        _row_codes(tokens), return_index=True, return_inverse=True
    )
    return Windows(tokens[first], np.bincount(inverse, weights, len(first)))


def _windows_of(
    sequences: Sequence[np.ndarray], counts: np.ndarray, context: int
) -> Windows:
    lead = np.full(context, START, np.int32)
    lengths = np.array([len(sequence) for sequence in sequences])
    padded = np.concatenate([part for s in sequences for part in (lead, s)])
    rows = np.lib.stride_tricks.sliding_window_view(padded, context + 1)
    # A window belongs to the sequence of its last token; windows that end in a start
    # token are dropped.
    starts = np.cumsum(lengths + context) - lengths - context
    index = np.repeat(starts, lengths) + _ranges(lengths)
    return merge(rows[index], np.repeat(counts, lengths))


def _ranges(lengths: np.ndarray) -> np.ndarray:
    """Concatenates ``arange(length)`` for every length."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)


def _row_codes(tokens: np.ndarray) -> np.ndarray:
    """One sortable value per row: an integer if it fits, else the bytes."""
    base = int(tokens.max(initial=0)) + 1
    if base ** tokens.shape[1] < 2**63:
        return tokens.astype(np.int64) @ (base ** np.arange(tokens.shape[1]))
    row = np.ascontiguousarray(tokens.astype(np.uint16))
    return row.view(f"V{row.shape[1] * row.itemsize}").ravel()
