"""Multi-objective comparison of networks: NSGA-II's ranks and crowding.

Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, IEEE
Transactions on Evolutionary Computation 6(2), 2002. All objectives are maximised.
"""

import jax
import jax.numpy as jnp

from gpt_nas_jax.spaces import costs
from gpt_nas_jax.types import Genome, Space


def dominates(values: jax.Array, violation: jax.Array) -> jax.Array:
    """``bool[N, N]``: whether the row's network dominates the column's.

    A network dominates another if it is nowhere worse and somewhere better. Unless both
    are feasible, the one with the smaller violation dominates (section VI of the
    paper).

    Args:
      values: ``float32[N, M]``.
      violation: ``float32[N]``, how far the constraints are violated; 0 if feasible.
    """
    mine, other = values[:, None], values[None]
    better = jnp.all(mine >= other, -1) & jnp.any(mine > other, -1)
    both = (violation[:, None] <= 0) & (violation[None] <= 0)
    return jnp.where(both, better, violation[:, None] < violation[None])


def ranks(values: jax.Array, violation: jax.Array) -> jax.Array:
    """``int32[N]``: the front that each network is in, 0 for the nondominated.

    Args:
      values: ``float32[N, M]``.
      violation: ``float32[N]``, see `dominates`.
    """
    above = dominates(values, violation)

    def peel(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        rank, number = carry
        left = rank < 0
        free = left & ~jnp.any(above & left[:, None], 0)
        return jnp.where(free, number, rank), number + 1

    start = jnp.full(len(values), -1, jnp.int32), jnp.int32(0)
    return jax.lax.while_loop(lambda carry: jnp.any(carry[0] < 0), peel, start)[0]


def crowding(values: jax.Array, rank: jax.Array) -> jax.Array:
    """``float32[N]``: crowding distance of each network within its front.

    The sum over objectives of the distance between the next better and the next worse
    network, relative to the front's range; infinite at the ends of a front.

    Args:
      values: ``float32[N, M]``.
      rank: ``int32[N]``, from `ranks`.
    """

    def along(value: jax.Array) -> jax.Array:
        order = jnp.lexsort((value, rank))
        value, front = value[order], rank[order]
        same = front[1:] == front[:-1]
        begins = jnp.concatenate([jnp.array([True]), ~same])
        ends = jnp.concatenate([~same, jnp.array([True])])
        gap = jnp.roll(value, -1) - jnp.roll(value, 1)
        low = jax.ops.segment_min(value, front, len(value))[front]
        high = jax.ops.segment_max(value, front, len(value))[front]
        # Where all are equal, the distance is 0.
        share = jnp.where(high > low, gap / jnp.where(high > low, high - low, 1), 0)
        distance = jnp.where(begins | ends, jnp.inf, share)
        return jnp.zeros_like(distance).at[order].set(distance)

    return jax.vmap(along, 1)(values).sum(0)


def objectives(
    space: Space, names: tuple[str, ...], genomes: Genome, fitness: jax.Array
) -> jax.Array:
    """``float32[N, 1 + K]``: fitness and the negative of each named cost."""
    return jnp.concatenate([fitness[:, None], -costs.of(space, names, genomes)], -1)


def standing(
    space: Space, names: tuple[str, ...], genomes: Genome, fitness: jax.Array
) -> jax.Array:
    """``float32[N]``: a scalar that orders networks as NSGA-II does, higher is better.

    Networks are ordered by front, then by crowding, then by row. Failures remain
    ``-inf``. Without costs it is the fitness itself.

    Args:
      space: of the genomes; computes the costs.
      names: of the costs that are further objectives.
      genomes: ``int32[N, L]``.
      fitness: ``float32[N]``.
    """
    if not names:
        return fitness
    failed = ~jnp.isfinite(fitness)
    values = objectives(space, names, genomes, jnp.where(failed, 0.0, fitness))
    rank = ranks(values, failed.astype(jnp.float32))
    order = jnp.lexsort((-crowding(values, rank), rank))
    place = jnp.zeros(len(order), jnp.int32).at[order].set(jnp.arange(len(order)))
    return jnp.where(failed, -jnp.inf, -place.astype(jnp.float32))
