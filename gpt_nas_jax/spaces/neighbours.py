"""The networks one edit away."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.types import Genome, Key, Space


def neighbours(space: Space, genome: Genome) -> tuple[Genome, jax.Array]:
    """All numbered edits of a genome, ``int32[N, L]``, and which exist, ``bool[N]``."""
    indices = jnp.arange(space.num_neighbours)
    return jax.vmap(space.neighbour, (None, 0))(genome, indices)


def random_neighbour(space: Space, key: Key, genome: Genome) -> Genome:
    """A uniformly random neighbour of a genome."""
    genomes, exist = neighbours(space, genome)
    return genomes[jax.random.categorical(key, jnp.where(exist, 0.0, -jnp.inf))]
