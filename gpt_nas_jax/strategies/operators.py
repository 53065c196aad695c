"""Selection among individuals; free functions."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.strategies.history import repeated
from gpt_nas_jax.types import Genome, Key, Space


def tournament(key: Key, fitness: jax.Array) -> jax.Array:
    """Index of the better of two individuals drawn at random from ``float32[P]``.

    They are drawn independently, so both may be the same one.
    """
    pair = jax.random.randint(key, (2,), 0, len(fitness))
    return pair[jnp.argmax(fitness[pair])]


def best(
    space: Space, genomes: Genome, fitness: jax.Array, count: int
) -> tuple[Genome, jax.Array]:
    """The ``count`` fittest distinct networks of ``int32[N, L]``.

    Of equally fit ones those that come first. A network that comes again stands behind
    all others, as a failure.
    """
    order = jnp.argsort(-fitness, stable=True)
    genomes, fitness = genomes[order], fitness[order]
    fitness = jnp.where(repeated(space.identity(genomes)), -jnp.inf, fitness)
    order = jnp.argsort(-fitness, stable=True)[:count]
    return genomes[order], fitness[order]
