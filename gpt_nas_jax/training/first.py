"""Broadcasts arrays of the first process to all processes."""

from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from gpt_nas_jax.keys import GENERATOR, is_key


def of_first(tree: Any) -> Any:
    """Broadcasts the arrays of process 0 bit for bit, as NumPy arrays.

    All processes call this at once, with the same structure. The other processes may
    pass mere shapes and types. Typed keys stay keys.
    """
    found = multihost_utils.broadcast_one_to_all(jax.tree.map(_bytes, tree))
    return jax.tree.map(_again, tree, found)


def _bytes(leaf: Any) -> np.ndarray:
    """The form for the broadcast, a sum, which would lose the sign of a zero."""
    shape = leaf
    if is_key(leaf):
        shape = jax.eval_shape(jax.random.key_data, leaf)
    if isinstance(leaf, jax.ShapeDtypeStruct):
        array = np.zeros(shape.shape, shape.dtype)
    else:
        array = np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)
    return array.reshape(-1).view(np.uint8)


def _again(leaf: Any, found: Any) -> Any:
    data = np.asarray(found)
    if is_key(leaf):
        shape = jax.eval_shape(jax.random.key_data, leaf)
        data = data.view(shape.dtype).reshape(shape.shape)
        return jax.random.wrap_key_data(data, impl=GENERATOR)
    return data.view(leaf.dtype).reshape(leaf.shape)
