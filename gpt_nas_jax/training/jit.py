"""`jax.jit` with the compiler options of the platform that is there."""

import functools
from collections.abc import Callable
from typing import Any

import jax

# The library that XLA's CPU backend gives convolutions to by default (YNNPACK) takes
# twice as long for those of 32 channels and more as the one it had before (Eigen): 13.4
# and 6.7 ms forward on 64x32x32x32 (2 CPU cores, JAX 0.10.2, November 2026). Products
# and sums stay where they are.
#
# XLA's older code generator at LLVM's level 1 compiles in two thirds of the time, and
# the programs are as fast (docs/results/speed.md). Either option alone gains less.
_CPU = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 1,
    "xla_cpu_experimental_ynn_fusion_type": (
        "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"
    ),
}


class Program:
    """A function compiled when it is called, or ahead of time."""

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        functools.update_wrapper(self, function)
        self._function, self._options = function, options

    def __call__(self, *args: Any) -> Any:
        return self._jitted(*args)

    def eval_shape(self, *args: Any) -> Any:
        """As in `jax.jit`; an equal call is not traced again."""
        return self._jitted.eval_shape(*args)

    def lower(self, *args: Any) -> jax.stages.Lowered:
        """As in `jax.jit`; once it is compiled, equal calls compile nothing."""
        return self._jitted.lower(*args)

    @functools.cached_property
    def _jitted(self) -> Any:
        # Deferred to the first call: importing a module must not start a backend.
        cpu = jax.default_backend() == "cpu"
        options = _CPU if cpu else None
        return jax.jit(self._function, compiler_options=options, **self._options)


def jit(**options: Any) -> Callable[[Callable[..., Any]], Program]:
    """A decorator for programs that hold convolutions; options as in `jax.jit`."""

    def decorate(function: Callable[..., Any]) -> Program:
        return Program(function, **options)

    return decorate
