"""Jitted functions of a strategy."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax


def jit_by_class(
    function: Callable[..., Any], static_argnums: tuple[int, ...] = ()
) -> Callable[..., Any]:
    """`jax.jit` that compiles separately for each class of dataclass in its arguments.

    JAX (0.10.2) treats dataclasses with equal fields as the same structure whatever
    their class, so a strategy could run the program of another with equal settings, or
    with a part of another class.
    """
    static = (0, *(number + 1 for number in static_argnums))

    @functools.partial(jax.jit, static_argnums=static)
    def program(kinds: tuple[type, ...], *args: Any) -> Any:
        return function(*args)

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return program(_dataclasses(args), *args)

    return call


def _dataclasses(tree: Any) -> tuple[type, ...]:
    """The classes of all dataclasses in a pytree, in its order."""
    found = []

    def note(node: Any) -> bool:
        if dataclasses.is_dataclass(node):
            found.append(type(node))
        return False

    jax.tree.leaves(tree, is_leaf=note)
    return tuple(found)
