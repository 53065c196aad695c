"""Whole searches on a tabular benchmark: ask, look up and tell in one program."""

import functools
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.strategies.jitted import jit_by_class
from gpt_nas_jax.types import Key, Space, Strategy


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

    def look_up(self, identity: jax.Array) -> jax.Array:
        """Positions ``int32[P]`` of networks ``int32[P, K]``; -1 where none is."""

        def halve(_: int, bounds: tuple[jax.Array, jax.Array]) -> Any:
            low, high = bounds
            middle = (low + high) // 2
            below = _precedes(self.identity[middle], identity)
            return jnp.where(below, middle + 1, low), jnp.where(below, high, middle)

        size = len(self.fitness)
        low, high = jnp.zeros(len(identity), jnp.int32), jnp.full(len(identity), size)
        low, _ = jax.lax.fori_loop(0, size.bit_length(), halve, (low, high))
        position = jnp.minimum(low, size - 1)
        found = jnp.all(self.identity[position] == identity, -1)
        return jnp.where(found, position, -1)


def _precedes(first: jax.Array, second: jax.Array) -> jax.Array:
    """Whether rows of ``[P, K]`` come first, compared word by word, ``bool[P]``."""
    below, equal = jnp.zeros(len(first), bool), jnp.ones(len(first), bool)
    for word in range(first.shape[-1]):
        below |= equal & (first[:, word] < second[:, word])
        equal &= first[:, word] == second[:, word]
    return below


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
    strategy: Strategy, space: Space, table: FitnessTable, keys: Key, rounds: int
) -> jax.Array:
    """Runs whole searches, one a key.

    Args:
      strategy: a pytree.
      space: of the table.
      table: the fitness of every network.
      keys: ``[S]``.
      rounds: how often the strategy is asked.

    Returns:
      ``int32[S, rounds * P]``: the evaluated networks in order, as rows of the file; -1
      where the table has no such network.
    """

    def search(key: Key) -> jax.Array:
        init_key, key = jax.random.split(key)

        def step(state: Any, key: Key) -> tuple[Any, jax.Array]:
            candidates = strategy.ask(key, state)
            position = table.look_up(space.identity(candidates.genomes))
            there = position >= 0
            fitness = jnp.where(there, table.fitness[position], -jnp.inf)
            state = strategy.tell(state, candidates, fitness)
            return state, jnp.where(there, table.rows[position], -1)

        keys = jax.random.split(key, rounds)
        return jax.lax.scan(step, strategy.init(init_key), keys)[1].ravel()

    return jax.vmap(search)(keys)


def incumbents(rows: np.ndarray, fitness: np.ndarray) -> np.ndarray:
    """Finds the fittest row so far after each query; of equals the first.

    Args:
      rows: ``int32[S, Q]``, as of `searches`; -1 is less fit than any.
      fitness: ``float64[N]``, in the order of the benchmark's file.
    """
    values = np.where(rows >= 0, fitness[rows], -np.inf)
    before = np.maximum.accumulate(values, axis=1)[:, :-1]
    first = np.ones((len(rows), 1), bool)
    better = np.concatenate([first, values[:, 1:] > before], axis=1)
    queries = np.where(better, np.arange(rows.shape[1]), 0)
    return np.take_along_axis(rows, np.maximum.accumulate(queries, axis=1), axis=1)
