"""Whole searches on a tabular benchmark: ask, look up and tell in one program."""

import functools
from typing import Any, Protocol

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax import sorted_rows
from gpt_nas_jax.strategies.jitted import jit_by_class
from gpt_nas_jax.types import Genome, Key, Space, Strategy


class Table(Protocol):
    """Knows the fitness of networks without training them; a pytree."""

    def answer(
        self, space: Space, key: Key, genomes: Genome
    ) -> tuple[jax.Array, jax.Array]:
        """Fitness of ``int32[P, L]`` genomes, and what is kept of each query.

        Args:
          space: of the genomes.
          key: of the search, the same for all its queries.
          genomes: to evaluate.

        Returns:
          ``float32[P]``, ``-inf`` for failures, and an array ``[P, ...]``.
        """


@flax.struct.dataclass
class FitnessTable:
    """The fitness of every network of a space.

    Attributes:
      identity: ``int32[N, K]``, as of `Space.identity`, ascending.
      rows: ``int32[N]``, where each stands in the benchmark's file.
      fitness: ``float32[N]``, in the order of ``identity``.
    """

    identity: jax.Array
    rows: jax.Array
    fitness: jax.Array

    def answer(
        self, space: Space, key: Key, genomes: Genome
    ) -> tuple[jax.Array, jax.Array]:
        """See `Table`; keeps the row of each query, -1 if there is none."""
        position = self.look_up(space.identity(genomes))
        there = position >= 0
        fitness = jnp.where(there, self.fitness[position], -jnp.inf)
        return fitness, jnp.where(there, self.rows[position], -1)

    def look_up(self, identity: jax.Array) -> jax.Array:
        """Positions ``int32[P]`` of networks ``int32[P, K]``; -1 where none is."""
        return sorted_rows.find(self.identity, identity)


_CHUNK = 8192


def build(space: Space, genomes: np.ndarray, fitness: np.ndarray) -> FitnessTable:
    """Builds the table of genomes ``int32[N, L]``, one of each network.

    Raises:
      ValueError: two genomes are the same network.
    """
    identify = jax.jit(space.identity)
    rest = -len(genomes) % _CHUNK
    padded = np.pad(genomes, ((0, rest), (0, 0)))
    parts = [
        np.asarray(identify(padded[start : start + _CHUNK]))
        for start in range(0, len(padded), _CHUNK)
    ]
    identity = np.concatenate(parts)[: len(genomes)]
    rows = np.lexsort(identity.T[::-1])
    identity = identity[rows]
    if (identity[1:] == identity[:-1]).all(-1).any():
        raise ValueError("two rows of the table are the same network")
    return FitnessTable(
        jnp.asarray(identity),
        jnp.asarray(rows, jnp.int32),
        jnp.asarray(fitness[rows], jnp.float32),
    )


@functools.partial(jit_by_class, static_argnums=(1, 4))
def searches(
    strategy: Strategy, space: Space, table: Table, keys: Key, rounds: int
) -> jax.Array:
    """Runs whole searches, one per key.

    Args:
      strategy: a pytree.
      space: of the table.
      table: knows the fitness of networks.
      keys: ``[S]``.
      rounds: how often the strategy is asked.

    Returns:
      ``[S, rounds * P, ...]``: what the table keeps of each query, in order; of a
      `FitnessTable` rows of the file.
    """

    def search(search_key: Key) -> jax.Array:
        init_key, key = jax.random.split(search_key)

        def step(state: Any, key: Key) -> tuple[Any, jax.Array]:
            candidates = strategy.ask(key, state)
            fitness, kept = table.answer(space, search_key, candidates.genomes)
            return strategy.tell(state, candidates, fitness), kept

        keys = jax.random.split(key, rounds)
        kept = jax.lax.scan(step, strategy.init(init_key), keys)[1]
        return kept.reshape(-1, *kept.shape[2:])

    return jax.vmap(search)(keys)


def incumbents(fitness: np.ndarray) -> np.ndarray:
    """The query, from 0, of the fittest so far after each query; of equals the first.

    Args:
      fitness: ``float64[S, Q]``.
    """
    highest = np.maximum.accumulate(fitness, axis=1)
    better = np.ones(fitness.shape, bool)
    better[:, 1:] = fitness[:, 1:] > highest[:, :-1]
    queries = np.where(better, np.arange(fitness.shape[1]), 0)
    return np.maximum.accumulate(queries, axis=1)
