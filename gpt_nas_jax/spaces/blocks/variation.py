"""Variation operators on padded chains of genes, for one individual.

``jax.vmap`` applies them to a population.
"""

import jax
import jax.numpy as jnp

from gpt_nas_jax.types import PAD, Genome, Key


def crossover(key: Key, first: Genome, second: Genome) -> Genome:
    """Joins the front of one chain to the back of another.

    The first is cut at a random point, the second at the same relative depth, so that
    most blocks keep their stage. The child's depth lies between its parents'.

    Args:
      key: draws the cut.
      first: ``int32[L]``.
      second: ``int32[L]``.
    """
    longest = len(first)
    depth_first, depth_second = (first != PAD).sum(), (second != PAD).sum()
    front = jax.random.randint(key, (), 0, depth_first + 1)
    # Rounded to the nearest.
    cut = (2 * front * depth_second + depth_first) // (2 * depth_first)
    back = depth_second - cut
    position = jnp.arange(longest)
    source = jnp.clip(position - front + depth_second - back, 0, longest - 1)
    child = jnp.where(position < front, first, second[source])
    return jnp.where(position < front + back, child, PAD)


def mutate(key: Key, genome: Genome, shortest: int, num_genes: int) -> Genome:
    """Replaces, inserts or removes one gene at a random place, equally likely.

    At the depth limits, inserting or removing becomes replacing. The new gene is drawn
    from all, so a replacement may leave the genome as it is.

    Args:
      key: draws kind, place and gene.
      genome: ``int32[L]``.
      shortest: fewest blocks.
      num_genes: number of blocks to choose from.
    """
    longest = len(genome)
    kind_key, place_key, gene_key = jax.random.split(key, 3)
    depth = (genome != PAD).sum()
    gene = jax.random.randint(gene_key, (), 0, num_genes, jnp.int32)
    kind = jax.random.randint(kind_key, (), 0, 3)
    insert = (kind == 1) & (depth < longest)
    remove = (kind == 2) & (depth > shortest)
    # An insertion may also follow the last block.
    place = jax.random.randint(place_key, (), 0, depth + insert)
    inserted, removed = _with(genome, place, gene), _without(genome, place)
    replaced = genome.at[place].set(gene)
    return jnp.where(insert, inserted, jnp.where(remove, removed, replaced))


def num_neighbours(longest: int, num_genes: int) -> int:
    """Number of single edits of a chain, as indexed by `neighbour`."""
    return longest * (num_genes - 1) + (longest + 1) * num_genes + longest


def neighbour(
    genome: Genome, index: jax.Array, shortest: int, num_genes: int
) -> tuple[Genome, jax.Array]:
    """Applies a single edit to a chain: replaces, inserts or removes a gene.

    Args:
      genome: ``int32[L]``.
      index: below `num_neighbours`; replacements first, then insertions.
      shortest: fewest blocks.
      num_genes: number of blocks to choose from.

    Returns:
      The chain, and whether the edit exists.
    """
    longest = len(genome)
    depth = (genome != PAD).sum()
    replacements = longest * (num_genes - 1)
    insertions = (longest + 1) * num_genes
    insert_index, remove_index = index - replacements, index - replacements - insertions
    replace, remove = insert_index < 0, remove_index >= 0
    place = jnp.where(
        replace,
        index // (num_genes - 1),
        jnp.where(remove, remove_index, insert_index // num_genes),
    )
    old = genome[jnp.minimum(place, longest - 1)]
    changed = (old + 1 + index % (num_genes - 1)) % num_genes
    edited = jnp.where(
        replace,
        genome.at[place].set(changed),
        jnp.where(
            remove,
            _without(genome, place),
            _with(genome, place, insert_index % num_genes),
        ),
    )
    exists = jnp.where(
        replace,
        place < depth,
        jnp.where(
            remove,
            (place < depth) & (depth > shortest),
            (place <= depth) & (depth < longest),
        ),
    )
    return edited, exists


def _with(genome: Genome, place: jax.Array, gene: jax.Array) -> Genome:
    """Inserts a gene into a chain and shifts the later ones."""
    position = jnp.arange(len(genome))
    right = jnp.where(position > 0, jnp.roll(genome, 1), PAD)
    return jnp.where(position > place, right, genome).at[place].set(gene)


def _without(genome: Genome, place: jax.Array) -> Genome:
    """Removes a gene from a chain."""
    position = jnp.arange(len(genome))
    left = jnp.where(position < len(genome) - 1, jnp.roll(genome, -1), PAD)
    return jnp.where(position >= place, left, genome)
