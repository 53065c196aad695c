"""Synaptic flow: how much weights pass on, without any data.

Every weight is replaced by its magnitude, an image of ones passes through the network,
and R is the sum of the logits; BatchNorm is the identity.

- synflow: the sum of weight times its gradient of R over all kernels (arXiv
  2006.05467). It does not depend on data, and hardly on the draw of the weights. Its
  logarithm is returned, since the values of deep networks have hundreds of digits.
- logsynflow: the sum of weight times the logarithm of 1 plus its gradient (arXiv
  2207.05135), in which no layer outweighs the others by its depth.

Both grow with depth and width, and neither sees that depth may hurt. Between segments
numbers are rescaled so that the largest is 1, which changes nothing where a network
doubles its output with its input; biases, SiLU and squeeze-and-excitation do not.

Nothing overflows. A weight is at most 1 / sqrt(fan-in), so a layer multiplies the
largest number by at most sqrt(fan-in), and a block by at most the product of these,
plus 1 for a shortcut: 8,690 for a Bottleneck of 512 channels. On the way back the sum
of value times gradient stays about the same (Euler's theorem; all terms are positive),
and every gradient is divided by the largest output of its segment. Values below 1e-38
of the largest are lost, as they would be in any sum with it.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.evaluation.proxies import passes
from gpt_nas_jax.evaluation.proxies.segments import Segment
from gpt_nas_jax.evaluation.proxies.walk import Walk
from gpt_nas_jax.evaluation.proxies.weights import Weights, magnitudes

NAMES = ("synflow", "logsynflow")


def read(
    parts: tuple[Segment, ...], weights: Weights, image: jax.Array
) -> dict[str, jax.Array]:
    """Runs the passes and reads what the proxies are computed from.

    Args:
      parts: of a network whose output depends on its input.
      weights: of it.
      image: ``[1, H, W, C]``, of ones.

    Returns:
      ``flow``, ``log_scale``, the logarithm of what it was divided by, and
      ``logsynflow``.
    """
    walk = Walk(parts, magnitudes(weights), train=False)
    head, scales, x, log_scale = len(parts) - 1, [], image, np.float32(0)
    for number in range(head):
        y = walk.forward(number, x)
        x, scale, log_scale = passes.rescaled(y, log_scale)
        scales.append(scale)
    dy = walk.backward(head, jnp.ones_like(walk.forward(head, x)))
    for number in reversed(range(head)):
        dy = walk.backward(number, passes.divided(dy, scales[number]))
    flows = []
    for place, gradients in walk.gradients.items():
        node, params = walk.node(place), walk.weights[place[0]][place[1]]
        flows.append(
            passes.log_flow(
                node.block, node.in_size, params, gradients.params, log_scale
            )
        )
    return {
        "flow": passes.total([g.saliency for g in walk.gradients.values()]),
        "log_scale": log_scale,
        "logsynflow": passes.total(flows),
    }


def scores(found: dict[str, np.ndarray]) -> dict[str, float]:
    """The proxies of what `read` found."""
    flow = float(found["flow"])
    log_flow = math.log(flow) if flow > 0 else -math.inf
    return {
        "synflow": log_flow + float(found["log_scale"]),
        "logsynflow": float(found["logsynflow"]),
    }
