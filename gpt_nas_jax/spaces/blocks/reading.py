"""Tokens of chains of blocks, by block and kind of place."""

from collections.abc import Sequence

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.networks.layers import Layer
from gpt_nas_jax.tokens.reading import Rows, empty_context, first_words, rows
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word
from gpt_nas_jax.types import PAD, Genome, Tokens


@flax.struct.dataclass
class BlockTable:
    """A `ReadingTable` of block chains: tokens of every block at every kind of place.

    A kind of place is a stage and whether the block is the first in it.

    Attributes:
      tokens: ``int32[S, 2, G, K]``, padded.
      lengths: ``int32[S, 2, G]``, number of tokens before the padding.
      stage: ``int32[D + 1, D]``, stage of each position by depth of the chain.
      first: ``int32[D + 1, D]``, 1 where the position begins a stage.
      front: the context before the first block, ``int32[C]``.
    """

    tokens: jax.Array
    lengths: jax.Array
    stage: jax.Array
    first: jax.Array
    front: Tokens

    @property
    def positions(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(range(self.stage.shape[1]))

    @property
    def num_genes(self) -> int:
        """Number of blocks to choose from."""
        return self.tokens.shape[2]

    def eliminable(self, genome: Genome) -> jax.Array:
        """Every block, ``bool[D]``."""
        return genome != PAD

    def start(self, genome: Genome) -> Tokens:
        """The empty context before a chain."""
        return self.front

    def words(self, genome: Genome, position: jax.Array) -> Rows:
        """The layers of a block; none after the end of the chain."""
        depth = (genome != PAD).sum()
        place = self.stage[depth, position], self.first[depth, position]
        row = Rows(self.tokens, self.lengths).at(*place, genome[position])
        return row.replace(lengths=jnp.where(genome[position] == PAD, 0, row.lengths))

    def behind(self, sequence: np.ndarray) -> np.ndarray:
        """No tokens: a chain is read up to its last block."""
        return sequence[:0]

    def openers(self, vocabulary_size: int) -> jax.Array:
        """The first words of genes, ``bool[V]``; see `first_words`."""
        return first_words(Rows(self.tokens, self.lengths), vocabulary_size)


def build(
    vocabulary: Vocabulary,
    layers: Sequence[Sequence[Layer]],
    stage: np.ndarray,
    first: np.ndarray,
    context: int,
) -> BlockTable:
    """Builds the table of a space.

    Args:
      vocabulary: encodes the layers.
      layers: of every block at every kind of place, ordered by stage, whether it is the
        first there, and gene.
      stage: ``int32[D + 1, D]``, see `BlockTable`.
      first: ``int32[D + 1, D]``, likewise.
      context: length of contexts.
    """
    spelled = [vocabulary.encode(map(word, part)) for part in layers]
    stages = 1 + int(stage.max())
    blocks = rows(spelled, (stages, 2, len(layers) // (2 * stages)))
    places = stage, first, empty_context(context)
    return BlockTable(blocks.tokens, blocks.lengths, *map(jnp.asarray, places))
