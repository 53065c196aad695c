"""A product of matrices that does not depend on the number of threads.

XLA's CPU backend runs ``a.T @ b`` by Eigen, which cuts a long sum into as many parts as
there are threads: as many as cores or devices, whichever are more. So the last bits of
a kernel's gradient, a sum over all pixels of a batch, differed with their number. Where
the left matrix lies in memory row by row the product is YNNPACK's, which cuts a sum by
its length alone (JAX 0.10.2; docs/devices.md).
"""

import jax
from jax import lax


def transposed_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """``a.T @ b`` of ``[k, m]`` and ``[k, n]`` for the CPU."""
    # Without barriers XLA folds this transposition, or one of the result, into the
    # product, and Eigen runs it.
    return lax.optimization_barrier(lax.optimization_barrier(a.T) @ b)
