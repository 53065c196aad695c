"""How genomes become tokens for the prior: token rows and the table interface."""

from collections.abc import Sequence
from typing import Protocol

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.tokens.vocabulary import NUM_SPECIAL, START
from gpt_nas_jax.types import Genome, Tokens


def empty_context(length: int) -> np.ndarray:
    """The context before the first layer of a network, ``int32[length]``."""
    return np.full(length, START, np.int32)


@flax.struct.dataclass
class Rows:
    """Token sequences of different lengths.

    Attributes:
      tokens: ``int32[..., K]``, padded.
      lengths: ``int32[...]``, number of tokens before the padding.
    """

    tokens: Tokens
    lengths: jax.Array

    def at(self, *place: jax.Array | int) -> "Rows":
        """Indexes the leading axes."""
        return Rows(self.tokens[place], self.lengths[place])


def rows(sequences: Sequence[np.ndarray], shape: tuple[int, ...]) -> Rows:
    """Pads sequences ``int32[L]`` to rows ``int32[*shape, K]``, in row-major order."""
    longest = max(map(len, sequences))
    tokens = np.full((len(sequences), longest), START, np.int32)
    for row, sequence in zip(tokens, sequences, strict=True):
        row[: len(sequence)] = sequence
    lengths = np.array([len(sequence) for sequence in sequences], np.int32)
    return Rows(
        jnp.asarray(tokens.reshape(*shape, longest)),
        jnp.asarray(lengths.reshape(shape)),
    )


def first_words(
    words: Rows, vocabulary_size: int, after: Tokens | None = None
) -> jax.Array:
    """Which tokens can come first after a gene's place, ``bool[V]``.

    Those are the first tokens of all rows that are not empty; behind an empty one comes
    the row of a later gene. All tokens if the vocabulary has none of these words.

    Args:
      words: the tokens of all genes.
      vocabulary_size: V.
      after: the tokens behind the last gene, ``int32[K]``, if some row is empty.
    """
    first = words.tokens[..., 0].ravel()
    some = jnp.where(words.lengths.ravel() > 0, first, START)
    if after is not None:
        some = jnp.concatenate([some, after[:1]])
    found = jnp.zeros(vocabulary_size, bool).at[some].set(True)
    known = found & (jnp.arange(vocabulary_size) >= NUM_SPECIAL)
    return jnp.where(known.any(), known, True)


def joined(first: Rows, second: Rows) -> Rows:
    """Concatenates two rows."""
    room = jnp.pad(first.tokens, (0, len(second.tokens)), constant_values=START)
    tokens = jax.lax.dynamic_update_slice(room, second.tokens, (first.lengths,))
    return Rows(tokens, first.lengths + second.lengths)


def append(context: Tokens, row: Rows) -> Tokens:
    """Appends a row to a context ``int32[C]`` and keeps the last ``C`` tokens."""
    both = jnp.concatenate([context, row.tokens])
    return jax.lax.dynamic_slice(both, (row.lengths,), context.shape)


def appended(contexts: np.ndarray, row: Rows) -> np.ndarray:
    """`append` for ``int32[N, C]``, on the host."""
    tokens = np.asarray(row.tokens)[: int(row.lengths)]
    both = np.concatenate([contexts, np.tile(tokens, (len(contexts), 1))], 1)
    return both[:, -contexts.shape[1] :]


class ReadingTable(Protocol):
    """Turns genomes of one space into tokens, gene by gene; a pytree of small arrays.

    Methods take one genome and may be called under jit and vmap; `behind` may not.
    """

    @property
    def positions(self) -> tuple[int, ...]:
        """The genes that the prior may propose, in the order of their layers."""

    @property
    def num_genes(self) -> int:
        """Number of genes to choose from at each of `positions`."""

    def eliminable(self, genome: Genome) -> jax.Array:
        """Which genes the prior may replace, ``bool[L]``, some of `positions`."""

    def start(self, genome: Genome) -> Tokens:
        """The context before the first of `positions`, ``int32[C]``."""

    def words(self, genome: Genome, position: jax.Array) -> Rows:
        """The tokens from one of `positions` up to the next, as one row.

        They do not depend on genes at later `positions`.
        """

    def behind(self, sequence: np.ndarray) -> np.ndarray:
        """The tokens that follow the words of a whole genome, ``int32[L]``, or none."""

    def openers(self, vocabulary_size: int) -> jax.Array:
        """Which tokens may be the first of a gene's words, ``bool[V]``."""


def read(
    table: ReadingTable, context: Tokens, genome: Genome, position: jax.Array
) -> Tokens:
    """The context at the next of a table's positions."""
    return append(context, table.words(genome, position))


class Proposer(Protocol):
    """A prior that fills the gaps of genomes; a pytree."""

    table: ReadingTable

    def logits(self, contexts: Tokens) -> jax.Array:
        """Logits ``float32[..., G]`` of the genes after ``int32[..., C]``."""
