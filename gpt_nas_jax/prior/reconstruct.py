"""Elimination (Eq. 3) and reconstruction (Algorithm 1) of genomes."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.tokens.reading import Proposer, read
from gpt_nas_jax.types import Genome, Key, Tokens

_LEAST_ENTROPY = 0.01
"""In nats; keeps small surprises small when the prior is confident."""


def elimination_rate(
    initial: float, generation: jax.Array, generations: int
) -> jax.Array:
    """Eq. 3: falls linearly from ``initial`` in generation 0 to 0 in ``generations``.

    It stays 0 from then on. The last generation of a search is ``generations - 1`` by
    default, so it still eliminates genes.
    """
    return jnp.maximum(initial - generation / generations * initial, 0.0)


def reconstruct(
    prior: Proposer,
    key: Key,
    genomes: Genome,
    rate: jax.Array,
    uniform: jax.Array | float = 0.0,
    by_surprise: bool = False,
) -> tuple[Genome, jax.Array]:
    """Eliminates genes and lets the prior fill the gaps.

    Goes through every genome from the front, so that proposals depend on earlier ones.

    Args:
      prior: the trained models, or their precomputed proposals.
      key: one key for all genomes.
      genomes: ``int32[P, L]``, valid.
      rate: scalar in [0, 1], the probability that a gene is eliminated.
      uniform: fraction of proposals that are drawn uniformly, in [0, 1].
      by_surprise: multiply ``rate`` by the surprisal of the gene under the prior,
        relative to the prior's entropy there, so that unlikely genes are eliminated
        first. If False, all genes are equally likely to be, as in the paper.

    Returns:
      The new genomes ``int32[P, L]`` and which genes were proposed, ``bool[P, L]``.
    """
    keys = jax.random.split(key, len(genomes))

    def one(key: Key, genome: Genome) -> tuple[Genome, jax.Array]:
        return _one(prior, key, genome, rate, uniform, by_surprise)

    return jax.vmap(one)(keys, genomes)


def _one(
    prior: Proposer,
    key: Key,
    genome: Genome,
    rate: jax.Array,
    uniform: jax.Array | float,
    by_surprise: bool,
) -> tuple[Genome, jax.Array]:
    table = prior.table
    eliminate_key, propose_key = jax.random.split(key)
    coins = jax.random.uniform(eliminate_key, genome.shape)
    eliminable = table.eliminable(genome)

    def step(
        state: tuple[Tokens, Genome], place: tuple[jax.Array, Key]
    ) -> tuple[tuple[Tokens, Genome], jax.Array]:
        (context, genome), (position, key) = state, place
        proposed = (1 - uniform) * jax.nn.softmax(prior.logits(context))
        logits = jnp.log(proposed + uniform / table.num_genes)
        gene = genome[position]
        chance = rate * _surprise(logits, gene) if by_surprise else rate
        gone = (coins[position] < chance) & eliminable[position]
        gene = jnp.where(gone, jax.random.categorical(key, logits), gene)
        genome = genome.at[position].set(gene)
        return (read(table, context, genome, position), genome), gone

    positions = jnp.array(table.positions)
    keys = jax.random.split(propose_key, len(genome))[positions]
    start = table.start(genome), genome
    (_, genome), gone = jax.lax.scan(step, start, (positions, keys))
    return genome, jnp.zeros(genome.shape, bool).at[positions].set(gone)


def _surprise(logits: jax.Array, gene: jax.Array) -> jax.Array:
    """Surprisal of a gene, relative to the entropy of the proposals."""
    surprises = -jax.nn.log_softmax(logits)
    mean = (jnp.exp(-surprises) * surprises).sum(where=jnp.isfinite(surprises))
    return surprises[gene] / jnp.maximum(mean, _LEAST_ENTROPY)
