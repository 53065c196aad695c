"""Trees of arrays as one vector, so that a step handles few arrays."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def flatten(tree: Any) -> jax.Array:
    """The numbers of a tree's leaves in one row, ``float32[n]``."""
    leaves = [leaf.ravel() for leaf in jax.tree.leaves(tree)]
    return jnp.concatenate(leaves) if leaves else jnp.zeros(0)


def unflatten(shapes: Any, vector: jax.Array | np.ndarray) -> Any:
    """The tree that `flatten` made a vector of.

    Args:
      shapes: the tree with anything that has a shape as leaves.
      vector: ``[n]``; the leaves get its type.
    """
    leaves, structure = jax.tree.flatten(shapes)
    numpy = np if isinstance(vector, np.ndarray) else jnp
    ends = np.cumsum([math.prod(leaf.shape) for leaf in leaves], dtype=int)
    parts = numpy.split(vector, ends[:-1]) if leaves else []
    shaped = (
        part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)
    )
    return structure.unflatten(shaped)
