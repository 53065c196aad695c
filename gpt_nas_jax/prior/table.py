"""What each block of a space reads like at each place of a chain, as arrays."""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.networks.candidate import BLOCK_NAMES
from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.prior.corpus import CONTEXT
from gpt_nas_jax.prior.vocabulary import START, Vocabulary, word
from gpt_nas_jax.spaces.blocks import BlockSpace
from gpt_nas_jax.types import Tokens


@flax.struct.dataclass
class BlockTable:
    """Tokens of every block at every kind of place.

    A place is a stage and whether the block is the first of it.

    Attributes:
      tokens: ``int32[S, 2, G, K]``, padded.
      lengths: ``int32[S, 2, G]``, how many of the K count.
      stage: ``int32[D + 1, D]``, stage of each position by depth of the chain.
      first: ``int32[D + 1, D]``, 1 where the position begins a stage.
    """

    tokens: jax.Array
    lengths: jax.Array
    stage: jax.Array
    first: jax.Array

    def read(
        self, context: Tokens, depth: jax.Array, position: jax.Array, gene: jax.Array
    ) -> Tokens:
        """The last `CONTEXT` tokens once a block follows; all arguments one chain's."""
        place = self.stage[depth, position], self.first[depth, position], gene
        joined = jnp.concatenate([context, self.tokens[place]])
        return jax.lax.dynamic_slice(joined, (self.lengths[place],), (CONTEXT,))


EMPTY_CONTEXT = np.full(CONTEXT, START, np.int32)
"""The context in front of the first block."""


def build(space: BlockSpace, vocabulary: Vocabulary) -> BlockTable:
    """Traces every block of the space at every place."""
    rows = {
        (stage, first, gene): vocabulary.encode(
            word(layer)
            for layer in layers_of(
                space.block(name, stage, bool(first)), space.in_size(stage, bool(first))
            )
        )
        for stage in range(space.num_stages)
        for first in (0, 1)
        for gene, name in enumerate(BLOCK_NAMES)
    }
    shape = (space.num_stages, 2, len(BLOCK_NAMES))
    longest = max(map(len, rows.values()))
    tokens = np.full((*shape, longest), START, np.int32)
    lengths = np.zeros(shape, np.int32)
    for place, row in rows.items():
        tokens[place][: len(row)] = row
        lengths[place] = len(row)
    stage, first = space.stages()
    return BlockTable(*map(jnp.asarray, (tokens, lengths, stage, first)))
