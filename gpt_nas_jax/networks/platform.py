"""Operations with two implementations: one for the CPU, one for other platforms."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax import lax

# Both are part of the key of jit's trace cache.
_NATIVE = jax.make_user_context(default_value=False)
_TARGET = jax.make_user_context(default_value=None)


def target() -> str | None:
    """The target platform, such as ``tpu``; None in `native_forms`.

    It is JAX's default backend, unless `compiling_for` sets another.
    """
    return None if _NATIVE.value else _TARGET.value or jax.default_backend()


@contextlib.contextmanager
def compiling_for(platform: str) -> Iterator[None]:
    """Sets the `target` platform for everything traced in this context."""
    with _TARGET(platform):
        yield


@contextlib.contextmanager
def native_forms() -> Iterator[None]:
    """Makes `by_platform` use the native form when traced in this context.

    Only that supports forward-mode differentiation; the other has a custom VJP.
    """
    with _NATIVE(True):
        yield


def by_platform(
    cpu: Callable[..., jax.Array], native: Callable[..., jax.Array]
) -> Callable[..., jax.Array]:
    """Returns a function that runs ``cpu`` on the CPU and ``native`` elsewhere.

    So does its gradient. The automatic gradient of `lax.platform_dependent` would pass
    the platform as a number from the forward to the backward pass, which could then not
    be compiled for a single form as a separate program.

    Raises:
      TypeError: when the function is traced, on any platform, if the two forms return
        arrays of different shapes or types.
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
    """Raises TypeError if the outputs of two forms differ in shape or type."""
    ours, theirs = (jax.eval_shape(form, *args) for form in (cpu, native))
    if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
        given = ", ".join(map(_short, args))
        raise TypeError(
            f"{cpu.__module__}.{cpu.__qualname__} makes {_short(ours)} of {given}, but "
            f"its native form {native.__qualname__} makes {_short(theirs)}: both must "
            "return the same shape and type"
        )


def _short(array: Any) -> str:
    """The type and shape of an array, such as ``float32[8,3]``."""
    return f"{array.dtype}[{','.join(map(str, array.shape))}]"
