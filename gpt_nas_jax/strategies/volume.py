"""How much a network is expected to add to what a front dominates."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.spaces import costs
from gpt_nas_jax.strategies import gaussian_process
from gpt_nas_jax.types import Genome, Space

_BUDGETS = 128


def gains(
    space: Space,
    names: tuple[str, ...],
    genomes: Genome,
    scores: jax.Array,
    pool: Genome,
    mean: jax.Array,
    std: jax.Array,
) -> jax.Array:
    """``float32[N]``: expected improvement of the volume that is dominated.

    Costs are known and the score alone is uncertain. So the expected gain in volume is
    the mean over budgets, of which each bounds every cost, of the expected improvement
    over the best network within the budget, for networks that are within it, too.
    Budgets lie evenly between the least and the greatest costs of the pool. Without
    costs there is one budget that holds all: expected improvement.

    Args:
      space: of the genomes; knows the costs.
      names: of the costs.
      genomes: ``int32[Q, L]``, what was evaluated.
      scores: ``float32[Q]``, what they are worth; ``-inf`` for none.
      pool: ``int32[N, L]``, networks to choose from.
      mean: ``float32[N]``, the score that each is expected to have.
      std: ``float32[N]``, how uncertain that is.
    """
    if not names:
        return gaussian_process.expected_improvement(mean, std, scores.max())
    known, offered = costs.of(space, names, genomes), costs.of(space, names, pool)
    low, high = offered.min(0), offered.max(0)
    budgets = low + _lattice(len(names)) * (high - low)
    fits = jnp.all(known[:, None] <= budgets, -1)
    # A budget that holds nothing yet is measured by the worst there is.
    worst = jnp.where(jnp.isfinite(scores), scores, jnp.inf).min()
    top = jnp.maximum(jnp.where(fits, scores[:, None], -jnp.inf).max(0), worst)
    improvement = jax.vmap(gaussian_process.expected_improvement, (None, None, 0), 1)
    within = jnp.all(offered[:, None] <= budgets, -1)
    return jnp.where(within, improvement(mean, std, top), 0.0).mean(-1)


def _lattice(dimensions: int) -> jax.Array:
    """``float32[_BUDGETS + 1, dimensions]``, spread evenly over the unit cube.

    A Korobov lattice, along each axis of which points are equally spaced, and the
    corner, in which all networks lie.
    """
    steps = jnp.array([27**power % _BUDGETS for power in range(dimensions)])
    points = jnp.arange(_BUDGETS)[:, None] * steps % _BUDGETS
    corner = jnp.ones((1, dimensions))
    return jnp.concatenate([(points + 0.5) / _BUDGETS, corner])
