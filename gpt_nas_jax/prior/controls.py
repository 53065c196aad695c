"""Controls of a prior, which fill the same gaps with less knowledge."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.prior import examples, ngram_table
from gpt_nas_jax.prior.gpt import only_layers
from gpt_nas_jax.prior.ngram import fit
from gpt_nas_jax.prior.ngram_table import NGramTable
from gpt_nas_jax.prior.prior import LayerPrior, Prior, only_openers
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.tokens import vocabulary
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


def unigram(space: ReadableSpace, prior: Prior) -> Unigram:
    """Proposes genes by their frequency in the corpus, regardless of the context.

    Layers have their frequencies in the corpus; the FCN's predictions are averaged over
    contexts of random genomes.
    """
    genomes = jax.jit(space.sample, static_argnums=1)(jax.random.key(0), _CONTEXTS)
    contexts = examples.of_genomes(genomes, prior.table).contexts[:_CONTEXTS]
    size = prior.gpt.vocabulary_size
    model = ngram_table.table_of(fit(prior.seen, size, longest=1))
    frequencies = model.probabilities(jnp.asarray(contexts[0]))
    proposed = _mean(prior, frequencies, jnp.asarray(contexts))
    return Unigram(jnp.log(proposed), prior.table)


def ngram(prior: Prior) -> NGramPrior:
    """The n-gram model of the prior's corpora, with the prior's FCN."""
    counts = ngram_table.of_windows(prior.seen, prior.gpt.vocabulary_size)
    return NGramPrior(prior.fcn, prior.fcn_params, prior.table, counts)


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
