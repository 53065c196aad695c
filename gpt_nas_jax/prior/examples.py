"""Examples for the FCN: layers and the genes that they belong to."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping

import jax
import numpy as np

from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.reading import ReadingTable, Rows, empty_context
from gpt_nas_jax.tokens.vocabulary import UNKNOWN, Vocabulary, word
from gpt_nas_jax.types import Genome


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Layers, each with the gene that it belongs to.

    Attributes:
      contexts: ``int32[N, C]`` tokens of the preceding layers.
      tokens: ``int32[N]`` tokens of the layers.
      labels: ``int32[N]`` genes.
      starts: ``bool[N]``, whether the layer is the first of its gene, the only kind
        that a search needs.
    """

    contexts: np.ndarray
    tokens: np.ndarray
    labels: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)


def of_networks(
    traces: list[Trace],
    vocabulary: Vocabulary,
    genes: Mapping[str, int],
    context: int = CONTEXT,
) -> Examples:
    """Every layer of traced networks that is part of a named block.

    Args:
      traces: of the networks.
      vocabulary: encodes the layers.
      genes: by block name.
      context: length of the examples' contexts.
    """
    rows = []
    lead = empty_context(context)
    for trace in traces:
        tokens = vocabulary.encode(word(part.layer) for part in trace.layers)
        padded = np.concatenate([lead, tokens])
        before = None
        for index, part in enumerate(trace.layers):
            if part.block in genes:
                label = genes[part.block]
                start = part.instance != before
                last = padded[index : index + context]
                rows.append((last, tokens[index], label, start))
            before = part.instance
    contexts, tokens, labels, starts = zip(*rows, strict=True)
    return Examples(
        np.stack(contexts),
        np.array(tokens, np.int32),
        np.array(labels, np.int32),
        np.array(starts),
    )


def of_genes(genomes: Genome, asked: np.ndarray, table: ReadingTable) -> Examples:
    """The first layer after the start of every selected gene of ``int32[N, L]``.

    If a gene has no layers of its own, that is the first of a later one, or `UNKNOWN`
    where no layer follows.

    Args:
      genomes: to read.
      asked: ``bool[N, L]``, the selected genes, some of those that can be eliminated.
      table: turns genomes into tokens.
    """
    asked = asked[:, table.positions]
    contexts, tokens = [], []
    context = context_of(table)
    for (whole, places), some in zip(read(genomes, table), asked, strict=True):
        ended = np.append(whole, np.int32(UNKNOWN))
        for place in places[some]:
            contexts.append(ended[place : place + context])
            tokens.append(ended[place + context])
    labels = np.asarray(genomes)[:, table.positions][asked]
    return Examples(
        np.stack(contexts),
        np.array(tokens, np.int32),
        labels,
        np.ones(len(labels), bool),
    )


def of_genomes(genomes: Genome, table: ReadingTable) -> Examples:
    """`of_genes` for all genes that can be eliminated."""
    return of_genes(genomes, np.asarray(eliminable(genomes, table)), table)


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, None))
def eliminable(genome: Genome, table: ReadingTable) -> jax.Array:
    """Which genes of ``int32[N, L]`` a prior may replace, ``bool[N, L]``."""
    return table.eliminable(genome)


def context_of(table: ReadingTable) -> int:
    """The context length of a table."""
    genome = jax.ShapeDtypeStruct((1 + max(table.positions),), np.int32)
    return jax.eval_shape(table.start, genome).shape[0]


def read(
    genomes: Genome, table: ReadingTable
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The tokens of each of ``int32[N, L]`` genomes, and where each position begins.

    Yields:
      Tokens ``int32[M]``, from the start context to the tokens after the genome. Also,
      for each of the table's positions, the index where its context begins, ``int[P]``;
      its layers begin `context_of` the table later.
    """
    starts, words = jax.tree.map(np.asarray, _spelled(genomes, table))
    for start, row, lengths in zip(starts, words.tokens, words.lengths, strict=True):
        parts = [part[:count] for part, count in zip(row, lengths, strict=True)]
        own = np.concatenate(parts)
        whole = np.concatenate([start, own, table.behind(own)])
        yield whole, np.cumsum(lengths) - lengths


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, None))
def _spelled(genome: Genome, table: ReadingTable) -> tuple[jax.Array, Rows]:
    """The start context, and the words of all positions."""
    words = jax.vmap(table.words, (None, 0))(genome, np.array(table.positions))
    return table.start(genome), words


def joined(parts: list[Examples]) -> Examples:
    """Concatenates examples."""
    return Examples(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(Examples)
        )
    )
