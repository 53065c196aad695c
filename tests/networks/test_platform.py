"""The platform that a function is traced for is part of jit's cache key."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.networks.platform import (
    by_platform,
    compiling_for,
    native_forms,
    target,
)


@jax.jit
def form(x: jax.Array) -> jax.Array:
    return by_platform(lambda x: x + 1, lambda x: x + 2)(x)


@jax.jit
def is_tpu(x: jax.Array) -> jax.Array:
    return x + (target() == "tpu")


def test_a_function_that_was_traced_before_is_traced_for_the_platform_again() -> None:
    zero = jnp.zeros(())
    for _ in range(2):
        assert form(zero) == 1
        with native_forms():
            assert form(zero) == 2
        assert is_tpu(zero) == 0
        with compiling_for("tpu"):
            assert is_tpu(zero) == 1
