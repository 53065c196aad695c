"""Elimination (Eq. 3) and reconstruction (Algorithm 1) of block chains."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.gpt import GPT, next_layer_logits
from gpt_nas_jax.prior.table import EMPTY_CONTEXT, BlockTable
from gpt_nas_jax.types import PAD, Genome, Key, Tokens


@flax.struct.dataclass
class Prior:
    """The trained models and the table by which they read chains.

    A pytree: modules are static, parameters and table are leaves.
    """

    gpt: GPT = flax.struct.field(pytree_node=False)
    fcn: FCN = flax.struct.field(pytree_node=False)
    gpt_params: dict
    fcn_params: dict
    table: BlockTable

    def propose(self, key: Key, context: Tokens) -> jax.Array:
        """A block behind ``int32[CONTEXT]``: the layer sampled, the block the best."""
        logits = next_layer_logits(self.gpt, self.gpt_params, context[None])[0]
        layer = jax.random.categorical(key, logits)
        blocks = self.fcn.apply({"params": self.fcn_params}, context, layer)
        return jnp.argmax(blocks).astype(jnp.int32)


def elimination_rate(
    initial: float, generation: jax.Array, generations: int
) -> jax.Array:
    """Eq. 3: falls linearly from ``initial`` in generation 0 to 0 in ``generations``.

    The last generation of a search is ``generations - 1``, so it still eliminates.
    """
    return initial - generation / generations * initial


def reconstruct(
    prior: Prior, key: Key, genomes: Genome, rate: jax.Array
) -> tuple[Genome, jax.Array]:
    """Eliminates blocks with probability ``rate`` and lets the prior fill the gaps.

    Walks every chain from the front, so that later proposals read earlier ones.

    Args:
      prior: the trained models.
      key: one key for all chains.
      genomes: ``int32[P, L]``, valid.
      rate: scalar in [0, 1].

    Returns:
      The new genomes ``int32[P, L]`` and which blocks were proposed, ``bool[P, L]``.
    """
    keys = jax.random.split(key, len(genomes))
    return jax.vmap(lambda k, g: _one_chain(prior, k, g, rate))(keys, genomes)


def _one_chain(
    prior: Prior, key: Key, genome: Genome, rate: jax.Array
) -> tuple[Genome, jax.Array]:
    depth = (genome != PAD).sum()
    eliminate_key, propose_key = jax.random.split(key)
    eliminated = jax.random.bernoulli(eliminate_key, rate, genome.shape)
    eliminated = eliminated & (genome != PAD)

    def step(context: Tokens, place: tuple[jax.Array, ...]) -> tuple[Tokens, jax.Array]:
        position, gene, gone, key = place
        gene = jnp.where(gone, prior.propose(key, context), gene)
        return prior.table.read(context, depth, position, gene), gene

    positions = jnp.arange(len(genome))
    keys = jax.random.split(propose_key, len(genome))
    _, genes = jax.lax.scan(
        step, jnp.asarray(EMPTY_CONTEXT), (positions, genome, eliminated, keys)
    )
    return genes, eliminated
