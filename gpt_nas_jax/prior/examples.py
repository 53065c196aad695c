"""Examples for the FCN: layers and the genes that they belong to."""

import dataclasses
import functools
from collections.abc import Mapping

import jax
import numpy as np

from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.reading import ReadingTable, Rows
from gpt_nas_jax.tokens.vocabulary import START, Vocabulary, word
from gpt_nas_jax.types import Genome, Key

# Random genomes teach the FCN contexts that only a search produces; in a space of
# chains, most examples still come from human networks.
_RANDOM = 2000
_RANDOM_SHARE = 0.25


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Layers, each with the gene that it belongs to.

    Attributes:
      contexts: ``int32[N, CONTEXT]`` tokens of the layers before.
      tokens: ``int32[N]`` tokens of the layers.
      labels: ``int32[N]`` genes.
      starts: ``bool[N]``, whether the layer is the first of its gene, which is
        where the search asks.
    """

    contexts: np.ndarray
    tokens: np.ndarray
    labels: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)


def of_networks(
    traces: list[Trace], vocabulary: Vocabulary, genes: Mapping[str, int]
) -> Examples:
    """Every layer of traced networks that lies in a block of these names."""
    rows = []
    lead = np.full(CONTEXT, START, np.int32)
    for trace in traces:
        tokens = vocabulary.encode(word(part.layer) for part in trace.layers)
        padded = np.concatenate([lead, tokens])
        before = None
        for index, part in enumerate(trace.layers):
            if part.block in genes:
                label = genes[part.block]
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


def of_genomes(genomes: Genome, table: ReadingTable) -> Examples:
    """The first layer behind every gene of ``int32[N, L]`` that can be eliminated.

    Where a gene has no layers of its own, that is the first of a later one.
    """
    real, starts, words = jax.tree.map(np.asarray, _spelled(genomes, table))
    contexts, tokens = [], []
    for index in range(len(genomes)):
        lengths = words.lengths[index]
        parts = [row[:n] for row, n in zip(words.tokens[index], lengths, strict=True)]
        whole = np.concatenate(parts)
        whole = np.concatenate([starts[index], whole, table.behind(whole)])
        before = np.cumsum(lengths) - lengths
        for place in before[real[index]]:
            contexts.append(whole[place : place + CONTEXT])
            tokens.append(whole[place + CONTEXT])
    labels = np.asarray(genomes)[:, table.positions][real]
    return Examples(
        np.stack(contexts),
        np.array(tokens, np.int32),
        labels,
        np.ones(len(labels), bool),
    )


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, None))
def _spelled(genome: Genome, table: ReadingTable) -> tuple[jax.Array, jax.Array, Rows]:
    """Whether each position can be eliminated, the start tokens, and all words."""
    positions = np.array(table.positions)
    words = jax.vmap(table.words, (None, 0))(genome, positions)
    return table.eliminable(genome)[positions], table.start(genome), words


def joined(parts: list[Examples]) -> Examples:
    """The examples of all parts."""
    return Examples(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(Examples)
        )
    )


def to_learn(
    space: ReadableSpace,
    table: ReadingTable,
    vocabulary: Vocabulary,
    traces: list[Trace],
    key: Key,
) -> tuple[Examples, np.ndarray]:
    """The examples that the FCN learns from, and their weights ``float64[N]``.

    Args:
      space: whose genes the examples belong to.
      table: says how the space's genes read.
      vocabulary: of the tokens.
      traces: of human networks to learn from.
      key: decides the random genomes.
    """
    drawn = of_genomes(_sample(space, key), table)
    if not space.human_genes:
        return drawn, np.ones(len(drawn))
    human = of_networks(traces, vocabulary, space.human_genes)
    weights = [
        np.full(len(human), (1 - _RANDOM_SHARE) / len(human)),
        np.full(len(drawn), _RANDOM_SHARE / len(drawn)),
    ]
    return joined([human, drawn]), np.concatenate(weights)


def to_measure(
    space: ReadableSpace,
    table: ReadingTable,
    vocabulary: Vocabulary,
    traces: list[Trace],
    key: Key,
) -> Examples:
    """The examples that the FCN is measured on; arguments as of `to_learn`.

    They come from human networks for the test; where the space has no genes for them,
    from other random genomes.
    """
    if not space.human_genes:
        return of_genomes(_sample(space, jax.random.fold_in(key, 1)), table)
    return of_networks(traces, vocabulary, space.human_genes)


def _sample(space: ReadableSpace, key: Key) -> Genome:
    return jax.jit(space.sample, static_argnums=1)(key, _RANDOM)
