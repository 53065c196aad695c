"""Controls of a prior: fill the same gaps, and know less."""

import functools

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.prior import examples
from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.ngram_table import NGramTable
from gpt_nas_jax.prior.reconstruct import Prior, only_openers
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.reading import ReadingTable
from gpt_nas_jax.tokens.vocabulary import NUM_SPECIAL
from gpt_nas_jax.types import Key, Tokens

_CONTEXTS = 256


@flax.struct.dataclass
class Unigram:
    """Draws a gene in the same way at every place.

    Attributes:
      logits: ``float32[G]``.
      table: says what can be drawn.
    """

    logits: jax.Array
    table: ReadingTable

    def propose(self, key: Key, context: Tokens) -> jax.Array:
        """A gene, whatever the context."""
        return self.table.choose(key, self.logits)


@flax.struct.dataclass
class NGramPrior:
    """A prior with an n-gram model, of the GPT's own context, in place of the GPT.

    Attributes:
      ngram: counts of what the GPT has learned from.
      fcn: the prior's, likewise its parameters and the table.
    """

    fcn: FCN = flax.struct.field(pytree_node=False)
    ngram: NGramTable
    fcn_params: dict
    table: ReadingTable

    def layer_logits(self, contexts: Tokens) -> jax.Array:
        """Logits ``[..., V]`` of the layer behind ``int32[..., CONTEXT]``."""
        logits = _without_special(jnp.log(self.ngram.probabilities(contexts)))
        return only_openers(self.table, logits)

    def gene_logits(self, contexts: Tokens, layers: Tokens) -> jax.Array:
        """Logits ``[..., G]`` of the genes of layers ``int32[...]``."""
        return self.fcn.apply({"params": self.fcn_params}, contexts, layers)

    def propose(self, key: Key, context: Tokens) -> jax.Array:
        """A gene behind ``int32[CONTEXT]``, for a layer drawn from the n-grams."""
        layer = jax.random.categorical(key, self.layer_logits(context))
        genes = self.gene_logits(context, layer)
        return self.table.choose(jax.random.fold_in(key, 1), genes)


def uniform(space: ReadableSpace) -> Unigram:
    """Every gene equally likely."""
    table = space.reading(vocabulary.build([]))
    return Unigram(jnp.zeros(table.num_genes), table)


def unigram(space: ReadableSpace, prior: Prior) -> Unigram:
    """Genes as often as in the corpus: the prior's mean proposal without a context.

    Layers are as likely as in the corpus; the FCN's answers are averaged over contexts
    of random genomes.
    """
    genomes = jax.jit(space.sample, static_argnums=1)(jax.random.key(0), _CONTEXTS)
    contexts = examples.of_genomes(genomes, prior.table).contexts[:_CONTEXTS]
    return Unigram(jnp.log(_mean(prior, jnp.asarray(contexts))), prior.table)


def ngram(prior: Prior) -> NGramPrior:
    """The n-gram model of the prior's corpora, with the prior's FCN."""
    return NGramPrior(prior.fcn, prior.ngram, prior.fcn_params, prior.table)


@jax.jit
def _mean(prior: Prior, contexts: Tokens) -> jax.Array:
    """Probabilities ``[G]`` of genes over contexts ``[N, CONTEXT]``."""
    shortest = prior.ngram.replace(levels=prior.ngram.levels[:1])
    frequencies = shortest.probabilities(contexts[0])
    logits = only_openers(prior.table, _without_special(jnp.log(frequencies)))
    layers = jax.nn.softmax(logits)
    ask = functools.partial(prior.fcn.apply, {"params": prior.fcn_params})
    tokens = jnp.arange(len(layers))

    def of_layer(token: jax.Array) -> jax.Array:
        return jax.nn.softmax(ask(contexts, jnp.full(len(contexts), token))).mean(0)

    return layers @ jax.lax.map(of_layer, tokens)


def _without_special(logits: jax.Array) -> jax.Array:
    special = jnp.arange(logits.shape[-1]) < NUM_SPECIAL
    return jnp.where(special, -jnp.inf, logits)
