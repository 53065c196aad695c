"""One operation in two forms: one for the CPU, one for every other platform."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax import lax

# Both count among what a jitted function is traced by.
_NATIVE = jax.make_user_context(default_value=False)
_TARGET = jax.make_user_context(default_value=None)


def target() -> str | None:
    """The platform that is compiled for, such as ``tpu``; None in `native_forms`.

    It is the one that JAX runs on, unless `compiling_for` says otherwise.
    """
    return None if _NATIVE.value else _TARGET.value or jax.default_backend()


@contextlib.contextmanager
def compiling_for(platform: str) -> Iterator[None]:
    """Traces what is traced in here for another platform than JAX runs on."""
    with _TARGET(platform):
        yield


@contextlib.contextmanager
def native_forms() -> Iterator[None]:
    """Makes `by_platform`, traced in here, take the native form on every platform.

    Only that can be differentiated forwards: the other has a gradient of its own.
    """
    with _NATIVE(True):
        yield


def by_platform(
    cpu: Callable[..., jax.Array], native: Callable[..., jax.Array]
) -> Callable[..., jax.Array]:
    """Returns a function that runs ``cpu`` on the CPU and ``native`` elsewhere.

    So does its gradient. Differentiated as it is, `lax.platform_dependent` would
    carry the platform as a number from the forward to the backward pass, which then,
    where it is a program of its own, could not be compiled for one form alone.

    Raises:
      TypeError: when the function is traced, on any platform, and the two forms put
        out arrays of different shapes or types.
    """
    if _NATIVE.value:
        return native

    @jax.custom_vjp
    def function(*args: jax.Array) -> jax.Array:
        _check_same_type(cpu, native, args)
        return lax.platform_dependent(*args, cpu=cpu, default=native)

    def forward(*args: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        return function(*args), args

    def pullback(form: Callable[..., jax.Array]) -> Callable[..., Any]:
        return lambda dy, *args: jax.vjp(form, *args)[1](dy)

    def backward(args: tuple[jax.Array, ...], dy: jax.Array) -> Any:
        forms = {"cpu": pullback(cpu), "default": pullback(native)}
        return lax.platform_dependent(dy, *args, **forms)

    function.defvjp(forward, backward)
    return function


def _check_same_type(
    cpu: Callable[..., jax.Array],
    native: Callable[..., jax.Array],
    args: tuple[jax.Array, ...],
) -> None:
    """Raises TypeError where two forms differ in what they put out."""
    ours, theirs = (jax.eval_shape(form, *args) for form in (cpu, native))
    if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
        given = ", ".join(map(_short, args))
        raise TypeError(
            f"{cpu.__module__}.{cpu.__qualname__} makes {_short(ours)} of {given}, but "
            f"its native form {native.__qualname__} makes {_short(theirs)}: both must "
            "put out the same shape and type"
        )


def _short(array: Any) -> str:
    """The type and shape of an array, such as ``float32[8,3]``."""
    return f"{array.dtype}[{','.join(map(str, array.shape))}]"
