"""Controls of a prior, which fill the same gaps with less knowledge."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.prior import examples, fit, lessons, ngram_table
from gpt_nas_jax.prior.gpt import only_layers
from gpt_nas_jax.prior.ngram import NGram
from gpt_nas_jax.prior.ngram import fit as count
from gpt_nas_jax.prior.ngram_table import NGramTable
from gpt_nas_jax.prior.prior import LayerPrior, Prior, only_openers
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.corpus import Windows
from gpt_nas_jax.tokens.reading import ReadingTable
from gpt_nas_jax.types import Tokens

_CONTEXTS = 256


@flax.struct.dataclass
class Unigram:
    """Proposes genes from the same distribution at every place.

    Attributes:
      genes: ``float32[G]``, their logits.
      table: turns genomes into tokens.
    """

    genes: jax.Array
    table: ReadingTable

    def logits(self, contexts: Tokens) -> jax.Array:
        """See `Proposer`; ignores the context."""
        return jnp.broadcast_to(self.genes, (*contexts.shape[:-1], len(self.genes)))


@flax.struct.dataclass
class NGramPrior(LayerPrior):
    """A prior with an n-gram model, of the GPT's context length, instead of the GPT.

    Attributes:
      ngram: counts of the GPT's training windows.
    """

    ngram: NGramTable

    def next_layer(self, contexts: Tokens) -> jax.Array:
        """See `LayerPrior`."""
        return only_layers(jnp.log(self.ngram.probabilities(contexts)))


def uniform(space: ReadableSpace) -> Unigram:
    """Proposes every gene with equal probability."""
    table = space.reading(vocabulary.build([]))
    return Unigram(jnp.zeros(table.num_genes), table)


def unigram(space: ReadableSpace, prior: Prior, fcn_steps: int) -> Unigram:
    """Proposes genes by their frequency in the corpora, regardless of the context.

    In a space of chains, that is the frequency of blocks in the human networks. In a
    space of cells, layers have their frequencies in the corpora, and the predictions
    of the FCN are averaged over contexts of random genomes.

    Args:
      space: of the genomes.
      prior: whose corpora count.
      fcn_steps: updates of an FCN of its own, where it needs one.
    """
    if prior.blocks.any():
        return Unigram(jnp.log(_frequencies(prior.blocks)), prior.table)
    model = count(prior.seen, prior.gpt.vocabulary_size, longest=1)
    own = prior.replace(fcn_params=_taught(space, prior, model, fcn_steps))
    genomes = jax.jit(space.sample, static_argnums=1)(jax.random.key(0), _CONTEXTS)
    contexts = examples.of_genomes(genomes, prior.table).contexts[:_CONTEXTS]
    table = ngram_table.table_of(model)
    frequencies = table.probabilities(jnp.asarray(contexts[0]))
    proposed = _mean(own, frequencies, jnp.asarray(contexts))
    return Unigram(jnp.log(proposed), prior.table)


def ngram(space: ReadableSpace, prior: Prior, fcn_steps: int) -> NGramPrior:
    """The n-gram model of the prior's corpora; the arguments are those of `unigram`."""
    length = prior.seen.context + 1
    model = count(prior.seen, prior.gpt.vocabulary_size, length)
    params = _taught(space, prior, model, fcn_steps)
    return NGramPrior(prior.fcn, params, prior.table, ngram_table.table_of(model))


def _taught(
    space: ReadableSpace, prior: Prior, model: NGram, steps: int
) -> dict[str, Any]:
    """The parameters of an FCN that has learned nothing from the GPT.

    In a space of chains, that is the prior's: it has learned from human networks and
    random genomes. In a space of cells, the prior's has learned genes that the GPT
    wrote, so a control has one that learns genes written by its own model.
    """
    if prior.blocks.any():
        return prior.fcn_params

    def surprise(windows: np.ndarray) -> np.ndarray:
        return -np.log(model.probabilities(windows))

    write_key, *keys = jax.random.split(jax.random.key(0), 3)
    written = lessons.written(space, prior.table, surprise, write_key)
    weights = np.ones(len(written))
    params: dict[str, Any] = fit.fit_fcn(
        prior.fcn, written, weights, (keys[0], keys[1]), steps, lambda count: None
    )
    return params


def _frequencies(counts: np.ndarray) -> np.ndarray:
    """Probabilities ``float64[G]``, smoothed as those of layers are."""
    genes = np.arange(len(counts))[:, None]
    held = np.flatnonzero(counts)
    model = count(Windows(genes[held], counts[held]), len(counts), longest=1)
    return model.probabilities(genes)


@jax.jit
def _mean(prior: Prior, frequencies: jax.Array, contexts: Tokens) -> jax.Array:
    """Probabilities ``[G]`` of genes, for layers of frequencies ``[V]``."""
    logits = only_openers(prior.table, only_layers(jnp.log(frequencies)))
    layers = jax.nn.softmax(logits)
    tokens = jnp.arange(len(layers))

    def of_layer(token: jax.Array) -> jax.Array:
        genes = prior.gene_logits(contexts, jnp.full(len(contexts), token))
        return jax.nn.softmax(genes).mean(0)

    return layers @ jax.lax.map(of_layer, tokens)
