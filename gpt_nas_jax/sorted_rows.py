"""Binary search among the rows of a sorted array."""

import jax
import jax.numpy as jnp


def find(table: jax.Array, rows: jax.Array) -> jax.Array:
    """Positions ``int32[...]`` of rows ``[..., K]`` in a table; -1 where it lacks one.

    Args:
      table: ``[N, K]`` integers, distinct rows in ascending order, the first column
        first.
      rows: ``[..., K]`` of the same type.
    """
    size = len(table)

    def halve(
        _: int, bounds: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = (low + high) // 2
        below = _precedes(table[middle], rows)
        return jnp.where(below, middle + 1, low), jnp.where(below, high, middle)

    shape = rows.shape[:-1]
    bounds = jnp.zeros(shape, jnp.int32), jnp.full(shape, size, jnp.int32)
    low, _ = jax.lax.fori_loop(0, size.bit_length(), halve, bounds)
    position = jnp.minimum(low, size - 1)
    return jnp.where(jnp.all(table[position] == rows, -1), position, -1)


def _precedes(first: jax.Array, second: jax.Array) -> jax.Array:
    """Whether rows of ``[..., K]`` come first, compared column by column, ``[...]``."""
    below = first[..., 0] < second[..., 0]
    equal = first[..., 0] == second[..., 0]
    for column in range(1, first.shape[-1]):
        below |= equal & (first[..., column] < second[..., column])
        equal &= first[..., column] == second[..., column]
    return below
