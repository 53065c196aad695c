"""Proxies of the loss and its gradient on real batches.

All share one forward pass per batch; those based on gradients also share one backward
pass, and jacob_cov needs a second one, with respect to the images. The two batches of
ZiCo are the halves of the batch. BatchNorm normalises each half separately, and proxies
that need one gradient take the mean of both. Weights are initialised as PyTorch does
by default.

The gradients are those of the first step, so they say nothing about later training. On
NAS-Bench-201 all but NASWOT and jacob_cov mostly distinguish large networks from small
ones, and those based on magnitudes hardly beat the number of parameters.

- grad_norm: the norm of a layer's gradient, summed over layers (arXiv 2101.08134).
- snip: the magnitude of weight times gradient, summed (arXiv 1810.02340). Where
  BatchNorm follows it does not depend on the scale of a layer's weights.
- fisher: for every channel, the mean over images of half the square of output times
  gradient (arXiv 1906.04113), which ranks channels for pruning. To score a network,
  every weight counts with the value of its channel, as in the code of arXiv 2101.08134.
  The widest layers dominate the sum, so it says little on NAS-Bench-201. Published rank
  correlations there differ: 0.36 in arXiv 2101.08134, 0.55 elsewhere.
- grasp: minus weight times (Hessian times gradient), summed, on the first batch (arXiv
  2002.07376, in the sign of 2101.08134). H g is not formed: the sum is a mixed
  derivative of the loss, along the weights and along their gradient, which takes one
  more forward pass. Where BatchNorm follows a kernel it is about the gradient's square.
- zico: for every layer, the log of the sum over weights of mean magnitude over standard
  deviation of the gradient in two batches; summed over layers (arXiv 2301.11300).
- naswot: log determinant of the matrix of how many ReLUs agree between two images
  (arXiv 2006.04647). It grows with the number of ReLUs; a SiLU counts as one.
- jacob_cov: how far the gradients of different images are from correlated, by the
  eigenvalues of their correlations (arXiv 2006.04647, first version). It falls steeply
  for networks that separate images badly.
"""

import functools
from collections.abc import Collection

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.evaluation.proxies import passes
from gpt_nas_jax.evaluation.proxies.passes import Mixed
from gpt_nas_jax.evaluation.proxies.segments import Node, Segment
from gpt_nas_jax.evaluation.proxies.walk import Walk, through
from gpt_nas_jax.evaluation.proxies.weights import Weights
from gpt_nas_jax.training.loss import loss_and_gradient

_OF_GRADIENTS = {"grad_norm": "norm", "snip": "saliency", "fisher": "fisher"}
_LEAST = 1e-5

NAMES = (*_OF_GRADIENTS, "grasp", "zico", "naswot", "jacob_cov")


def read(
    parts: tuple[Segment, ...],
    weights: Weights,
    images: jax.Array,
    labels: jax.Array,
    names: Collection[str],
) -> dict[str, jax.Array]:
    """Runs the passes that proxies need and reads what they are computed from.

    Args:
      parts: of a network whose output depends on its input.
      weights: of it.
      images: ``float32[K, B, H, W, C]``.
      labels: ``int32[K, B]``.
      names: of the proxies.

    Returns:
      As far as the proxies need them: ``grad_norm``, ``snip`` and ``fisher``, ``[K]``;
      ``zico`` and ``grasp``, ``[]``; ``agreements``, ``[K, B, B]``, for NASWOT;
      ``jacobians``, ``[K, B, H, W, C]``, for jacob_cov.
    """
    walks, jacobians = [], []
    learns = bool({*names} - {"naswot", "jacob_cov"})
    for x, of_batch in zip(images, labels, strict=True):
        walk = Walk(parts, weights, train=True)
        walks.append(walk)
        for number in range(len(parts)):
            x = walk.forward(number, x)
        if learns:
            _, dy = loss_and_gradient(x, of_batch)
            for number in reversed(range(len(parts))):
                dy = walk.backward(number, dy)
        if "jacob_cov" in names:
            dy = jnp.ones_like(x)
            for number in reversed(range(len(parts))):
                dy = walk.to_input(number, dy)
            jacobians.append(dy)
    found = {}
    if "naswot" in names:
        found["agreements"] = jnp.stack([_agreements(walk) for walk in walks])
    if "jacob_cov" in names:
        found["jacobians"] = jnp.stack(jacobians)
    if {*names} & {*_OF_GRADIENTS}:
        sums = [_sums(walk) for walk in walks]
        found |= {name: jnp.stack([one[name] for one in sums]) for name in sums[0]}
    if "zico" in names:
        found["zico"] = _zico(walks)
    if "grasp" in names:
        found["grasp"] = _grasp(walks[0], images[0], labels[0])
    return found


def scores(found: dict[str, np.ndarray]) -> dict[str, float]:
    """The proxies of what `read` found; where each batch has one, their mean."""
    values = {name: np.mean(found[name]) for name in NAMES if name in found}
    if "agreements" in found:
        values["naswot"] = np.mean([*map(_log_determinant, found["agreements"])])
    if "jacobians" in found:
        values["jacob_cov"] = np.mean([*map(_independence, found["jacobians"])])
    return {name: float(value) for name, value in values.items()}


def _sums(walk: Walk) -> dict[str, jax.Array]:
    """Sums what is read of gradients over the nodes of a network."""
    of_nodes = [
        {name: getattr(gradients, field) for name, field in _OF_GRADIENTS.items()}
        for gradients in walk.gradients.values()
    ]
    found: dict[str, jax.Array] = passes.total(of_nodes)
    return found


def _agreements(walk: Walk) -> jax.Array:
    found: jax.Array = passes.total([run.agreements for run in walk.passes.values()])
    return found


def _zico(walks: list[Walk]) -> jax.Array:
    ratios = []
    for place in walks[0].gradients:
        node = walks[0].node(place)
        gradients = tuple(walk.gradients[place].params for walk in walks)
        ratios.append(passes.signal_to_noise(node.block, node.in_size, gradients))
    return passes.total(ratios)


def _grasp(walk: Walk, images: jax.Array, labels: jax.Array) -> jax.Array:
    nothing = jnp.zeros_like(images)
    x: Mixed = (images, nothing, nothing, nothing)

    def step(number: int, index: int, node: Node, x: Mixed) -> Mixed:
        params = walk.weights[number][index]
        gradients = walk.gradients.get((number, index))
        gradient = jnp.zeros_like(params) if gradients is None else gradients.params
        return passes.mixed_derivative(node.block, node.in_size, params, gradient, x)

    for number, part in enumerate(walk.parts):
        x = through(part, x, functools.partial(step, number))
    return -passes.mixed_loss(x, labels)


def _log_determinant(agreements: np.ndarray) -> float:
    return float(np.linalg.slogdet(agreements.astype(np.float64))[1])


def _independence(jacobians: np.ndarray) -> float:
    rows = jacobians.reshape(len(jacobians), -1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        correlations = np.corrcoef(rows)
    if not np.isfinite(correlations).all():
        return -np.inf
    # Rounding may leave the least of them below zero.
    values = np.maximum(np.linalg.eigvalsh(correlations), 0) + _LEAST
    return float(-(np.log(values) + 1 / values).sum())
