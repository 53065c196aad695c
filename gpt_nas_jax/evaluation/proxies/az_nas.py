"""The proxies of AZ-NAS (arXiv 2403.19232), with He's weights and images of noise.

Features are the outputs of the stem and of every block behind it.

- expressivity: the entropy of the principal components' shares of a feature's variance,
  summed over features. Wide networks have more components.
- progressivity: the least growth of this entropy from one block to the next.
- trainability: how near the greatest singular value of a block's mean Jacobian is to
  1, the mean of 2 - s - 1 / s over blocks; ``-inf`` where a block passes on its input
  as it is.

They are meant to be combined with FLOPs by ranks within a pool of networks, see
`ranked`; a network's score is then meaningful in its pool only.
"""

from collections.abc import Mapping

import jax
import numpy as np
import scipy

from gpt_nas_jax.evaluation.proxies import passes
from gpt_nas_jax.evaluation.proxies.segments import Segment
from gpt_nas_jax.evaluation.proxies.walk import Walk
from gpt_nas_jax.evaluation.proxies.weights import Weights
from gpt_nas_jax.types import Key

NAMES = ("expressivity", "progressivity", "trainability")
RANKED = (*NAMES, "flops")
_LEAST_SHARE, _LEAST_VALUE = 1e-8, 1e-6


def read(
    parts: tuple[Segment, ...], weights: Weights, noise: jax.Array, key: Key
) -> dict[str, list[jax.Array]]:
    """Runs the passes and reads what the proxies are computed from.

    Args:
      parts: of a network whose output depends on its input.
      weights: of it.
      noise: ``float32[B, H, W, C]``, standard normal.
      key: decides the directions in which gradients are taken.

    Returns:
      ``covariances``, ``[C, C]``, of every feature; ``jacobians``, ``[C', C]``, of
      every block behind the stem; ``passes_on``, whether its Jacobian is the identity.
    """
    walk = Walk(parts, weights, train=True)
    covariances, jacobians, passes_on, x = [], [], [], noise
    for number in range(len(parts) - 1):
        x = walk.forward(number, x)
        covariances.append(passes.covariance(x))
        if number:
            signs = passes.signs(jax.random.fold_in(key, number), x)
            dx = walk.to_input(number, signs)
            jacobian, same = passes.mean_jacobian(signs, dx)
            jacobians.append(jacobian)
            passes_on.append(same)
    return {"covariances": covariances, "jacobians": jacobians, "passes_on": passes_on}


def scores(found: Mapping[str, list[np.ndarray]]) -> dict[str, float]:
    """The proxies of what `read` found."""
    entropies = np.array([_entropy(matrix) for matrix in found["covariances"]])
    values = [_greatest(matrix) for matrix in found["jacobians"]]
    trained = [
        -np.inf if same else 2 - value - 1 / (value + _LEAST_VALUE)
        for value, same in zip(values, found["passes_on"], strict=True)
    ]
    return {
        "expressivity": float(entropies.sum()),
        "progressivity": float(np.diff(entropies).min(initial=np.inf)),
        "trainability": float(np.mean(trained)) if trained else -np.inf,
    }


def ranked(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """The score of every network of a pool: the sum of the logs of its ranks.

    Args:
      scores: ``float64[N]`` of every one of `RANKED`. The lowest has rank 1, equal ones
        share the mean of their ranks.

    Returns:
      ``float64[N]``, at most 0; the sum of ``log(rank / N)``.
    """
    columns = [scores[name] for name in RANKED]
    ranks = [scipy.stats.rankdata(column) for column in columns]
    return sum(np.log(rank / len(rank)) for rank in ranks)


def _entropy(covariance: np.ndarray) -> float:
    # NumPy raises where there are no eigenvalues.
    if not np.isfinite(covariance).all():
        return np.nan
    values = np.maximum(np.linalg.eigvalsh(covariance.astype(np.float64)), 0)
    if not values.sum() > 0:
        return 0.0
    shares = values / values.sum()
    return float(-(shares * np.log(shares + _LEAST_SHARE)).sum())


def _greatest(jacobian: np.ndarray) -> float:
    """The greatest singular value."""
    if not np.isfinite(jacobian).all():
        return np.nan
    return float(np.linalg.norm(jacobian.astype(np.float64), 2))
