"""Variation and selection of padded genomes; free functions for one individual.

``jax.vmap`` makes them operators on a population.
"""

import jax
import jax.numpy as jnp

from gpt_nas_jax.types import PAD, Genome, Key


def tournament(key: Key, fitness: jax.Array) -> jax.Array:
    """Index of the better of two individuals drawn at random from ``float32[P]``.

    They are drawn independently, so both may be the same one.
    """
    pair = jax.random.randint(key, (2,), 0, len(fitness))
    return pair[jnp.argmax(fitness[pair])]


def crossover(key: Key, first: Genome, second: Genome, shortest: int) -> Genome:
    """The front of one chain joined to the back of another.

    Both are cut at points of their own, so that depths vary. The cut of the first is
    drawn from all its points, that of the second from those whose child has
    ``shortest`` to ``len(first)`` blocks.

    Args:
      key: draws the cuts.
      first: ``int32[L]``.
      second: ``int32[L]``.
      shortest: fewest blocks of the child, at most those of either parent.
    """
    longest = len(first)
    front_key, back_key = jax.random.split(key)
    depth_first, depth_second = (first != PAD).sum(), (second != PAD).sum()
    # Any front will do: all of the second chain makes a child deep enough.
    front = jax.random.randint(front_key, (), 0, depth_first + 1)
    fewest = jnp.maximum(shortest - front, 0)
    most = jnp.minimum(longest - front, depth_second)
    back = jax.random.randint(back_key, (), fewest, most + 1)
    position = jnp.arange(longest)
    source = jnp.clip(position - front + depth_second - back, 0, longest - 1)
    child = jnp.where(position < front, first, second[source])
    return jnp.where(position < front + back, child, PAD)


def mutate(key: Key, genome: Genome, shortest: int, num_genes: int) -> Genome:
    """One gene replaced, inserted or removed at a random place, equally likely.

    At the depth limits inserting or removing becomes replacing.

    Args:
      key: draws kind, place and gene.
      genome: ``int32[L]``.
      shortest: fewest blocks.
      num_genes: how many blocks there are to choose from.
    """
    longest = len(genome)
    kind_key, place_key, gene_key = jax.random.split(key, 3)
    depth = (genome != PAD).sum()
    gene = jax.random.randint(gene_key, (), 0, num_genes, jnp.int32)
    kind = jax.random.randint(kind_key, (), 0, 3)
    insert = (kind == 1) & (depth < longest)
    remove = (kind == 2) & (depth > shortest)
    # An insertion may also stand behind the last block.
    place = jax.random.randint(place_key, (), 0, depth + insert)
    position = jnp.arange(longest)
    right = jnp.where(position > 0, jnp.roll(genome, 1), PAD)
    left = jnp.where(position < longest - 1, jnp.roll(genome, -1), PAD)
    inserted = jnp.where(position > place, right, genome).at[place].set(gene)
    removed = jnp.where(position >= place, left, genome)
    replaced = genome.at[place].set(gene)
    return jnp.where(insert, inserted, jnp.where(remove, removed, replaced))


def best(genomes: Genome, fitness: jax.Array, count: int) -> tuple[Genome, jax.Array]:
    """The ``count`` fittest of ``int32[N, L]``; of equals those that come first."""
    order = jnp.argsort(-fitness, stable=True)[:count]
    return genomes[order], fitness[order]
