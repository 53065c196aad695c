"""What the FCN learns from: layers that lie in blocks of Table II."""

import dataclasses

import jax
import numpy as np

from gpt_nas_jax.networks.candidate import BLOCK_NAMES
from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.prior.corpus import CONTEXT
from gpt_nas_jax.prior.table import EMPTY_CONTEXT, BlockTable
from gpt_nas_jax.prior.vocabulary import START, Vocabulary, word
from gpt_nas_jax.spaces.blocks import BlockSpace
from gpt_nas_jax.types import PAD, Key


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Layers with the block they lie in.

    Attributes:
      contexts: ``int32[N, CONTEXT]`` tokens of the layers before.
      tokens: ``int32[N]`` tokens of the layers.
      labels: ``int32[N]`` indices into `BLOCK_NAMES`.
      starts: ``bool[N]``, whether the layer is the first of its block, which is
        where the search asks.
    """

    contexts: np.ndarray
    tokens: np.ndarray
    labels: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)


def of_networks(traces: list[Trace], vocabulary: Vocabulary) -> Examples:
    """Every layer of traced networks that lies in a block of Table II."""
    rows = []
    lead = np.full(CONTEXT, START, np.int32)
    for trace in traces:
        tokens = vocabulary.encode(word(part.layer) for part in trace.layers)
        padded = np.concatenate([lead, tokens])
        before = None
        for index, part in enumerate(trace.layers):
            if part.block is not None:
                label = BLOCK_NAMES.index(part.block)
                start = part.instance != before
                context = padded[index : index + CONTEXT]
                rows.append((context, tokens[index], label, start))
            before = part.instance
    contexts, tokens, labels, starts = zip(*rows, strict=True)
    return Examples(
        np.stack(contexts),
        np.array(tokens, np.int32),
        np.array(labels, np.int32),
        np.array(starts),
    )


def of_chains(key: Key, space: BlockSpace, table: BlockTable, count: int) -> Examples:
    """The first layer of every block of ``count`` random chains of the space."""
    genomes = space.sample(key, count)

    def walk(genome: jax.Array) -> tuple[jax.Array, jax.Array]:
        depth = (genome != PAD).sum()

        def step(
            context: jax.Array, place: tuple[jax.Array, jax.Array]
        ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            position, gene = place
            row = table.stage[depth, position], table.first[depth, position], gene
            token = table.tokens[row][0]
            return table.read(context, depth, position, gene), (context, token)

        positions = np.arange(space.max_depth)
        _, result = jax.lax.scan(step, EMPTY_CONTEXT, (positions, genome))
        return result

    contexts, tokens = jax.jit(jax.vmap(walk))(genomes)
    real = np.asarray(genomes) != PAD
    return Examples(
        np.asarray(contexts)[real],
        np.asarray(tokens)[real],
        np.asarray(genomes)[real],
        np.ones(real.sum(), bool),
    )


def joined(parts: list[Examples]) -> Examples:
    """The examples of all parts."""
    return Examples(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(Examples)
        )
    )
