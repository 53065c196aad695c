"""The initial weights of convolutions, or only their shapes."""

import contextlib
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.types import Key

_drawn = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
# Part of the key of jit's trace cache.
_SHAPES = jax.make_user_context(default_value=False)


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """Makes `he_normal` return zeros when traced in this context.

    Random initialisation would take half the time of tracing a network's shapes.
    """
    with _SHAPES(True):
        yield


def he_normal(key: Key, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """Normal weights of variance 2 / fan-out (arXiv 1502.01852)."""
    return jnp.zeros(shape, dtype) if _SHAPES.value else _drawn(key, shape, dtype)
