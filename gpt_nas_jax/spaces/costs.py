"""Costs of networks that are known before they are trained.

``params`` counts parameters, ``flops`` floating-point operations for one image, two a
multiply-accumulate. A space knows a cost if it has the method of its name, which takes
genomes ``int32[..., L]`` to ``float32[...]`` without building a network, under jit and
vmap.
"""

import jax
import jax.numpy as jnp

from gpt_nas_jax.types import Genome, Space, UsageError


def of(space: Space, costs: tuple[str, ...], genomes: Genome) -> jax.Array:
    """``float32[..., K]``: the named costs of genomes ``int32[..., L]``."""
    return jnp.stack([getattr(space, name)(genomes) for name in costs], -1)


def require(flags: str, space: Space, costs: tuple[str, ...]) -> None:
    """Raises UsageError where a space does not know one of these costs."""
    for name in costs:
        if not hasattr(space, name):
            kind = type(space).__name__
            raise UsageError(
                f"{flags}: needs a space with a method {name}; {kind} has none"
            )
