"""Selection among individuals; free functions."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.types import Genome, Key


def tournament(key: Key, fitness: jax.Array) -> jax.Array:
    """Index of the better of two individuals drawn at random from ``float32[P]``.

    They are drawn independently, so both may be the same one.
    """
    pair = jax.random.randint(key, (2,), 0, len(fitness))
    return pair[jnp.argmax(fitness[pair])]


def best(genomes: Genome, fitness: jax.Array, count: int) -> tuple[Genome, jax.Array]:
    """The ``count`` fittest of ``int32[N, L]``; of equals those that come first."""
    order = jnp.argsort(-fitness, stable=True)[:count]
    return genomes[order], fitness[order]
