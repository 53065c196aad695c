"""Jitted functions of a strategy."""

import functools
from collections.abc import Callable
from typing import Any

import jax


def jit_by_class(
    function: Callable[..., Any], static_argnums: tuple[int, ...] = ()
) -> Callable[..., Any]:
    """`jax.jit` that compiles separately for each class of the first argument.

    JAX (0.10.2) treats dataclasses with equal fields as the same structure whatever
    their class, so a strategy could run the program of another with equal settings.
    """
    static = (0, *(number + 1 for number in static_argnums))

    @functools.partial(jax.jit, static_argnums=static)
    def program(kind: type, *args: Any) -> Any:
        return function(*args)

    @functools.wraps(function)
    def call(first: Any, *args: Any) -> Any:
        return program(type(first), first, *args)

    return call
