"""Training and test examples of the FCN."""

from collections.abc import Mapping

import jax
import numpy as np

from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.prior.examples import (
    Examples,
    context_of,
    joined,
    of_genes,
    of_genomes,
    of_networks,
)
from gpt_nas_jax.prior.written import Surprise, rewritten
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.tokens.reading import ReadingTable
from gpt_nas_jax.tokens.vocabulary import Vocabulary
from gpt_nas_jax.types import Genome, Key

# Random genomes teach the FCN contexts that only a search produces. In a space of
# chains, most examples still come from human-designed networks. In a space of cells
# there are no others, and the GPT writes half of their genes.
_RANDOM = 2000
_RANDOM_SHARE = 0.25
_WRITTEN_SHARE = 0.5


def to_learn(
    space: ReadableSpace,
    table: ReadingTable,
    vocabulary: Vocabulary,
    traces: list[Trace],
    surprise: Surprise,
    key: Key,
) -> tuple[Examples, np.ndarray]:
    """The training examples of the FCN, and their weights ``float64[N]``.

    Args:
      space: whose genes are the labels.
      table: turns the space's genomes into tokens.
      vocabulary: encodes the layers.
      traces: of human-designed networks for training.
      surprise: of the trained GPT.
      key: of the random genomes and of what the GPT writes.
    """
    if not _hold(traces, space.human_genes):
        examples = written(space, table, surprise, key)
        return examples, np.ones(len(examples))
    drawn = of_genomes(_sample(space, key), table)
    context = context_of(table)
    human = of_networks(traces, vocabulary, space.human_genes, context)
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
    surprise: Surprise,
    key: Key,
) -> Examples:
    """The test examples of the FCN; the arguments are those of `to_learn`.

    They come from human-designed test networks or, if none of their blocks is a gene of
    the space, from other genomes written by the GPT.
    """
    if not _hold(traces, space.human_genes):
        return written(space, table, surprise, jax.random.fold_in(key, 1))
    return of_networks(traces, vocabulary, space.human_genes, context_of(table))


def count_blocks(
    space: ReadableSpace, vocabulary: Vocabulary, traces: list[Trace], genes: int
) -> np.ndarray:
    """How often each of ``genes`` is a block of the networks, ``float32[G]``."""
    if not _hold(traces, space.human_genes):
        return np.zeros(genes, np.float32)
    human = of_networks(traces, vocabulary, space.human_genes)
    return np.bincount(human.labels[human.starts], minlength=genes).astype(np.float32)


def _hold(traces: list[Trace], genes: Mapping[str, int]) -> bool:
    """Whether any layer of the networks belongs to a block that is a gene."""
    return any(part.block in genes for trace in traces for part in trace.layers)


def written(
    space: ReadableSpace, table: ReadingTable, surprise: Surprise, key: Key
) -> Examples:
    """The genes that a model of layers writes into random genomes."""
    sample_key, write_key = jax.random.split(key)
    genomes = _sample(space, sample_key)
    written = rewritten(surprise, table, genomes, _WRITTEN_SHARE, write_key)
    return of_genes(*written, table)


def _sample(space: ReadableSpace, key: Key) -> Genome:
    return jax.jit(space.sample, static_argnums=1)(key, _RANDOM)
