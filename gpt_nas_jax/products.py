"""Matrix products in full float32 precision."""

import jax
import jax.numpy as jnp


def product(first: jax.Array, second: jax.Array) -> jax.Array:
    """The matrix product in float32, which GPUs and TPUs round by default.

    Their rounding exceeds the differences of squares that a kernel is made of.
    """
    return jnp.matmul(first, second, precision=jax.lax.Precision.HIGHEST)
