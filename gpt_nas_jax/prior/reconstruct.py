"""Elimination (Eq. 3) and reconstruction (Algorithm 1) of genomes."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.gpt import GPT, next_layer_logits
from gpt_nas_jax.prior.ngram_table import NGramTable
from gpt_nas_jax.tokens.reading import Proposer, ReadingTable, read
from gpt_nas_jax.types import Genome, Key, Tokens


@flax.struct.dataclass
class Prior:
    """The trained models and the table by which they read genomes.

    A pytree: modules are static, parameters and tables are leaves.

    Attributes:
      gpt: proposes layers.
      fcn: names the genes that layers belong to.
      gpt_params: of the GPT.
      fcn_params: of the FCN.
      table: how genomes read.
      ngram: counts of the layers that the GPT has learned from, for the controls.
    """

    gpt: GPT = flax.struct.field(pytree_node=False)
    fcn: FCN = flax.struct.field(pytree_node=False)
    gpt_params: dict
    fcn_params: dict
    table: ReadingTable
    ngram: NGramTable

    def layer_logits(self, contexts: Tokens) -> jax.Array:
        """Logits ``[..., V]`` of the layer behind ``int32[..., CONTEXT]``.

        Only layers that can be the first of a gene are proposed.
        """
        logits = next_layer_logits(self.gpt, self.gpt_params, contexts)
        return only_openers(self.table, logits)

    def gene_logits(self, contexts: Tokens, layers: Tokens) -> jax.Array:
        """Logits ``[..., G]`` of the genes of layers ``int32[...]``."""
        return self.fcn.apply({"params": self.fcn_params}, contexts, layers)

    def propose(self, key: Key, context: Tokens) -> jax.Array:
        """A gene behind ``int32[CONTEXT]``, for a layer that the GPT samples."""
        layer = jax.random.categorical(key, self.layer_logits(context[None])[0])
        genes = self.gene_logits(context, layer)
        return self.table.choose(jax.random.fold_in(key, 1), genes)


def only_openers(table: ReadingTable, logits: jax.Array) -> jax.Array:
    """Logits ``[..., V]`` with ``-inf`` for layers that cannot begin a gene."""
    return jnp.where(table.openers(logits.shape[-1]), logits, -jnp.inf)


def elimination_rate(
    initial: float, generation: jax.Array, generations: int
) -> jax.Array:
    """Eq. 3: falls linearly from ``initial`` in generation 0 to 0 in ``generations``.

    The last generation of a search is ``generations - 1``, so it still eliminates.
    """
    return initial - generation / generations * initial


def reconstruct(
    prior: Proposer, key: Key, genomes: Genome, rate: jax.Array
) -> tuple[Genome, jax.Array]:
    """Eliminates genes with probability ``rate`` and lets the prior fill the gaps.

    Walks every genome from the front, so that later proposals read earlier ones.

    Args:
      prior: the trained models, or their proposals worked out.
      key: one key for all genomes.
      genomes: ``int32[P, L]``, valid.
      rate: scalar in [0, 1].

    Returns:
      The new genomes ``int32[P, L]`` and which genes were proposed, ``bool[P, L]``.
    """
    keys = jax.random.split(key, len(genomes))
    return jax.vmap(lambda k, g: _one(prior, k, g, rate))(keys, genomes)


def _one(
    prior: Proposer, key: Key, genome: Genome, rate: jax.Array
) -> tuple[Genome, jax.Array]:
    table = prior.table
    eliminate_key, propose_key = jax.random.split(key)
    eliminated = jax.random.bernoulli(eliminate_key, rate, genome.shape)
    eliminated = eliminated & table.eliminable(genome)

    def step(
        state: tuple[Tokens, Genome], place: tuple[jax.Array, Key]
    ) -> tuple[tuple[Tokens, Genome], None]:
        (context, genome), (position, key) = state, place
        proposal = prior.propose(key, context)
        gene = jnp.where(eliminated[position], proposal, genome[position])
        genome = genome.at[position].set(gene)
        return (read(table, context, genome, position), genome), None

    positions = jnp.array(table.positions)
    keys = jax.random.split(propose_key, len(genome))[positions]
    start = table.start(genome), genome
    (_, genome), _ = jax.lax.scan(step, start, (positions, keys))
    return genome, eliminated
