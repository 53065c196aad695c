"""Costs of networks that are known before they are trained.

``params`` counts parameters, ``flops`` floating-point operations for one image, two per
multiply-accumulate, ``memory`` bytes of the largest input and output of a layer
(`networks.cost`), ``latency`` milliseconds from a table of measured blocks
(`spaces.blocks.timed`). A space supports a cost if it has a method with that name,
which maps genomes ``int32[..., L]`` to ``float32[...]`` without building a network,
under jit and vmap.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.types import Genome, Space, UsageError

UNITS = {
    "params": "params",
    "flops": "flops",
    "memory": "bytes of memory",
    "latency": "ms of latency",
}
"""The unit of each cost, for messages."""
_LATENCY_DECIMALS = 6


def of(space: Space, costs: tuple[str, ...], genomes: Genome) -> jax.Array:
    """``float32[..., K]``: the named costs of genomes ``int32[..., L]``."""
    return jnp.stack([getattr(space, name)(genomes) for name in costs], -1)


def noted(
    space: Space, costs: tuple[str, ...], genome: np.ndarray
) -> dict[str, int | float]:
    """The named costs of one genome that the space supports, for JSON files."""
    known = [name for name in costs if hasattr(space, name)]
    values = {name: float(getattr(space, name)(genome)) for name in known}
    return {
        name: round(value, _LATENCY_DECIMALS) if name == "latency" else int(value)
        for name, value in values.items()
    }


def text(cost: str, value: float) -> str:
    """Formats a cost for messages; as an upper limit it admits the network."""
    if cost != "latency" or value <= 0:
        return f"{value:,.0f}"
    # Four digits, rounded up.
    unit = 10.0 ** (math.floor(math.log10(value)) - 3)
    return f"{math.ceil(value / unit) * unit:.4g}"


def require(flags: str, space: Space, costs: tuple[str, ...]) -> None:
    """Raises UsageError if a space does not support one of these costs."""
    for name in costs:
        if not hasattr(space, name):
            kind = type(space).__name__
            raise UsageError(
                f"{flags}: needs a space with a method {name}; {kind} has none"
            )
