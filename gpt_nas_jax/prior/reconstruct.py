"""Elimination (Eq. 3) and reconstruction (Algorithm 1) of genomes."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.tokens.reading import Proposer, read
from gpt_nas_jax.types import Genome, Key, Tokens


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
