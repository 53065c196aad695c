"""`jax.jit` with the compiler options of the platform that is there."""

import functools
from collections.abc import Callable
from typing import Any

import jax

# The library that XLA's CPU backend gives convolutions to by default (YNNPACK) takes
# twice as long for those of 32 channels and more as the one it had before (Eigen): 13.4
# and 6.7 ms forward on 64x32x32x32 (2 CPU cores, JAX 0.10.2, November 2026). Products
# and sums stay where they are.
_CPU = {
    "xla_cpu_experimental_ynn_fusion_type": (
        "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"
    )
}


def jit(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator for programs that hold convolutions; options as in `jax.jit`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.cache
        def program() -> Callable[..., Any]:
            # Asked for at the first call: a module's import must start no backend.
            cpu = jax.default_backend() == "cpu"
            return jax.jit(function, compiler_options=_CPU if cpu else None, **options)

        @functools.wraps(function)
        def call(*args: Any) -> Any:
            return program()(*args)

        return call

    return decorate
