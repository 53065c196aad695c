"""Selection operators."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.strategies.history import repeated
from gpt_nas_jax.types import Genome, Key, Space


def tournament(key: Key, fitness: jax.Array) -> jax.Array:
    """Index of the better of two individuals drawn at random from ``float32[P]``.

    They are drawn with replacement, so both may be the same.
    """
    pair = jax.random.randint(key, (2,), 0, len(fitness))
    return pair[jnp.argmax(fitness[pair])]


def best(
    space: Space, genomes: Genome, fitness: jax.Array, count: int
) -> tuple[jax.Array, jax.Array]:
    """Rows of the ``count`` fittest distinct networks of ``int32[N, L]``.

    Ties go to the one that comes first. Repeated networks come last, as failures.

    Returns:
      ``int32[count]``, the fittest first, and ``bool[count]``, which are repeated.
    """
    order = jnp.argsort(-fitness, stable=True)
    again = repeated(space.identity(genomes[order]))
    fitness = jnp.where(again, -jnp.inf, fitness[order])
    kept = jnp.argsort(-fitness, stable=True)[:count]
    return order[kept], again[kept]
