"""Expected hypervolume improvement of a Pareto front."""

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
    valid: jax.Array,
) -> jax.Array:
    """``float32[N]``: expected hypervolume improvement.

    Costs are known exactly; only the score is uncertain. The expected gain in volume is
    therefore the mean over budgets, each a bound on every cost, of the expected
    improvement over the best network within the budget, for networks within it. Budgets
    are spread evenly between the lowest and the highest costs of valid networks in the
    pool. Without costs it is the plain expected improvement.

    Args:
      space: of the genomes; computes the costs.
      names: of the costs.
      genomes: ``int32[Q, L]``, the evaluated networks.
      scores: ``float32[Q]``, their scores; ``-inf`` for empty rows.
      pool: ``int32[N, L]``, networks to choose from.
      mean: ``float32[N]``, predicted mean of their scores.
      std: ``float32[N]``, its standard deviation.
      valid: ``bool[N]``, those that may be chosen.
    """
    if not names:
        return gaussian_process.expected_improvement(mean, std, scores.max())
    known, offered = costs.of(space, names, genomes), costs.of(space, names, pool)
    kept = (valid | ~valid.any())[:, None]
    low = jnp.where(kept, offered, jnp.inf).min(0)
    high = jnp.where(kept, offered, -jnp.inf).max(0)
    budgets = low + _lattice(len(names)) * (high - low)
    fits = jnp.all(known[:, None] <= budgets, -1)
    # A budget without an evaluated network is compared with the worst of all.
    worst = jnp.where(jnp.isfinite(scores), scores, jnp.inf).min()
    top = jnp.maximum(jnp.where(fits, scores[:, None], -jnp.inf).max(0), worst)
    improvement = jax.vmap(gaussian_process.expected_improvement, (None, None, 0), 1)
    within = jnp.all(offered[:, None] <= budgets, -1)
    return jnp.where(within, improvement(mean, std, top), 0.0).mean(-1)


def _lattice(dimensions: int) -> jax.Array:
    """``float32[_BUDGETS + 1, dimensions]``, spread evenly over the unit cube.

    A Korobov lattice, whose points are equally spaced along each axis, and the corner,
    the budget that all networks are within.
    """
    steps = jnp.array([27**power % _BUDGETS for power in range(dimensions)])
    points = jnp.arange(_BUDGETS)[:, None] * steps % _BUDGETS
    corner = jnp.ones((1, dimensions))
    return jnp.concatenate([(points + 0.5) / _BUDGETS, corner])
