"""A matrix product that does not depend on the number of threads.

XLA's CPU backend computes ``a.T @ b`` with Eigen, which splits a long sum into as many
parts as there are threads: the number of cores or devices, whichever is larger. So the
last bits of a kernel's gradient, a sum over all pixels of a batch, would depend on that
number. If the left matrix is row-major, XLA uses YNNPACK, which splits a sum by its
length only (JAX 0.10.2; docs/devices.md).
"""

import jax
from jax import lax


def transposed_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """``a.T @ b`` of ``[k, m]`` and ``[k, n]`` for the CPU."""
    # Without barriers, XLA folds this transposition, or one of the result, into the
    # product, which Eigen then computes.
    return lax.optimization_barrier(lax.optimization_barrier(a.T) @ b)
