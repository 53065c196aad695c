"""Zero-cost proxies: scores of a network at initialisation; higher is always better.

The definitions are in `gpt_nas_jax.evaluation.proxies`, each with its source, its
weights, what it sees and where it fails. ``params`` and ``flops`` (`networks.cost`) are
the baselines that every proxy must be compared with.
"""

import functools
import math
from collections.abc import Collection
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax import plugins
from gpt_nas_jax.evaluation.proxies import az_nas, flow, loss, weights
from gpt_nas_jax.evaluation.proxies.own import ask, find
from gpt_nas_jax.evaluation.proxies.segments import Segment, is_connected, segments
from gpt_nas_jax.evaluation.proxies.weights import Weights
from gpt_nas_jax.keys import GENERATOR
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.types import Key

_COUNTED = {"params", "flops"}
_MODULES = {"loss": loss, "flow": flow, "az_nas": az_nas}


@flax.struct.dataclass
class Batches:
    """Images and labels that networks are scored on.

    Attributes:
      images: ``float32[K, B, H, W, C]``, normalised.
      labels: ``int32[K, B]``.
    """

    images: jax.Array
    labels: jax.Array


def score(
    chain: Chain, names: Collection[str], batches: Batches, keys: Key
) -> dict[str, float]:
    """Scores one network; a network whose blocks were met before compiles nothing.

    Products are computed in full float32, also by GPUs and TPUs, which round them by
    default.

    Args:
      chain: the network.
      names: of `config.PROXIES`, or import paths of a `proxies.own.Proxy`.
      batches: two or more.
      keys: ``[S]``, each decides weights and AZ-NAS's noise. Several go through the
        same programs side by side.

    Returns:
      Every name's score, the mean over keys. ``-inf`` where the output does not depend
      on the input, or the score is no number.
    """
    in_size = batches.images.shape[2:]
    total = cost(chain, in_size)
    found = {"params": float(total.params), "flops": float(total.flops)}
    own = {*filter(plugins.is_path, names)}
    measured = {*names} - _COUNTED - own
    if measured and is_connected(parts := segments(chain, in_size)):
        with jax.default_matmul_precision("highest"):
            found |= _measured(parts, measured, batches, keys)
    for name in own:
        proxy = find("--eval_proxies", name)
        seen = batches.images, batches.labels
        found[name] = float(np.mean([ask(proxy, chain, *seen, key) for key in keys]))
    return {name: _number(found.get(name, -math.inf)) for name in names}


def _measured(
    parts: tuple[Segment, ...], names: set[str], batches: Batches, keys: Key
) -> dict[str, float]:
    """The proxies that networks have to run for, in as few passes as they need."""
    draws = [_draw(parts, names, batches, key) for key in keys]
    if len(draws) == 1:
        # A map over one seed would only cost time.
        found = [_read(parts, names, batches, *draws)]
    else:
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *draws)
        read = jax.vmap(functools.partial(_read, parts, names, batches))(stacked)
        found = _rows(read, len(draws))
    values = []
    # All passes are queued before the first number is waited for.
    for each in jax.device_get(found):
        scores = [_MODULES[module].scores(read) for module, read in each.items()]
        values.append({name: value for part in scores for name, value in part.items()})
    return {name: float(np.mean([each[name] for each in values])) for name in values[0]}


@flax.struct.dataclass
class _Draw:
    """The random arrays that score a network; None where nothing needs one."""

    uniform: Weights | None
    normal: Weights | None
    noise: jax.Array | None
    signs_key: jax.Array


def _draw(
    parts: tuple[Segment, ...], names: set[str], batches: Batches, key: Key
) -> _Draw:
    weights_key, normal_key, noise_key, signs_key = jax.random.split(key, 4)
    trains = names & {*loss.NAMES, *flow.NAMES}
    az, shape = names & {*az_nas.NAMES}, batches.images.shape[1:]
    return _Draw(
        weights.uniform(parts, weights_key) if trains else None,
        weights.normal(parts, normal_key) if az else None,
        jax.random.normal(noise_key, shape) if az else None,
        jax.random.key_data(signs_key),
    )


def _read(
    parts: tuple[Segment, ...], names: set[str], batches: Batches, draw: _Draw
) -> dict[str, Any]:
    images, found = batches.images, {}
    if names & {*loss.NAMES}:
        found["loss"] = loss.read(parts, draw.uniform, images, batches.labels, names)
    if names & {*flow.NAMES}:
        ones = jnp.ones((1, *images.shape[2:]))
        found["flow"] = flow.read(parts, draw.uniform, ones)
    if names & {*az_nas.NAMES}:
        key = jax.random.wrap_key_data(draw.signs_key, impl=GENERATOR)
        found["az_nas"] = az_nas.read(parts, draw.normal, draw.noise, key)
    return found


def _rows(tree: Any, count: int) -> list[Any]:
    leaves, structure = jax.tree.flatten(tree)
    return [structure.unflatten([leaf[i] for leaf in leaves]) for i in range(count)]


def _number(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
