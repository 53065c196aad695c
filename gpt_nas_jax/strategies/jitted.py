"""Jitted functions of a strategy."""

import functools
from collections.abc import Callable
from typing import Any

import jax


def jit_by_class(
    function: Callable[..., Any], static_argnums: tuple[int, ...] = ()
) -> Callable[..., Any]:
    """`jax.jit` with a program of its own for each class of the first argument.

    JAX takes dataclasses of equal fields for the same structure whatever their class
    (0.10.2), so that of two strategies with equal settings the one may be given the
    other's program.
    """
    static = (0, *(number + 1 for number in static_argnums))

    @functools.partial(jax.jit, static_argnums=static)
    def program(kind: type, *args: Any) -> Any:
        return function(*args)

    @functools.wraps(function)
    def call(first: Any, *args: Any) -> Any:
        return program(type(first), first, *args)

    return call
