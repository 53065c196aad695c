"""Genomes as a model of layers would write them, by Gibbs sampling."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import numpy as np

from gpt_nas_jax.prior import examples
from gpt_nas_jax.tokens.reading import ReadingTable
from gpt_nas_jax.tokens.vocabulary import START
from gpt_nas_jax.types import Genome, Key

Surprise: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""Surprisal in nats, ``float[N]``, of the last token of each of ``int32[N, C + 1]``."""

_AHEAD = 10


def rewritten(
    surprise: Surprise, table: ReadingTable, genomes: Genome, rate: float, key: Key
) -> tuple[np.ndarray, np.ndarray]:
    """Resamples some genes from the front, each conditioned on all others.

    The probability of a gene is that of the ten layers read from its position on, given
    the context. So what follows them distinguishes genes without layers and genes with
    the same first layer. A genome may end before ten.

    Args:
      surprise: of the model.
      table: turns genomes into tokens.
      genomes: ``int32[N, L]``, valid.
      rate: probability that a gene is resampled.
      key: for sampling.

    Returns:
      The new genomes ``int32[N, L]`` and which genes were resampled, ``bool[N, L]``.
    """
    result = np.array(genomes)
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    drawn = random.random(result.shape) < rate
    drawn &= np.asarray(examples.eliminable(genomes, table))
    for place, position in enumerate(table.positions):
        logits = _logits(surprise, table, result, place)
        gene = np.argmax(logits + random.gumbel(size=logits.shape), axis=1)
        result[:, position] = np.where(drawn[:, position], gene, result[:, position])
    return result, drawn


def _logits(
    surprise: Surprise, table: ReadingTable, genomes: np.ndarray, place: int
) -> np.ndarray:
    """Logits ``[N, G]`` of the genes at one of a table's positions."""
    count, genes = len(genomes), table.num_genes
    each = np.repeat(genomes, genes, axis=0)
    each[:, table.positions[place]] = np.tile(np.arange(genes), count)
    context = examples.context_of(table)
    ahead = np.full((len(each), context + _AHEAD), START, np.int32)
    for row, (sequence, places) in zip(ahead, examples.read(each, table), strict=True):
        part = sequence[places[place] :][: len(row)]
        row[: len(part)] = part
    windows = np.lib.stride_tricks.sliding_window_view(ahead, context + 1, axis=1)
    distinct, where = np.unique(
        windows.reshape(-1, context + 1), axis=0, return_inverse=True
    )
    losses = surprise(np.ascontiguousarray(distinct))[where.ravel()]
    # Padding after the end costs nothing.
    losses = np.where(windows[..., -1].ravel() == START, 0.0, losses)
    return -losses.reshape(count, genes, -1).sum(-1)
