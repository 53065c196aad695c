"""The CPU form of pooling equals the native one in value and gradient."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.networks.pooling import avg_pool, max_pool

CASES = {
    "stride 1": ((3, 3), (1, 1), ((1, 1), (1, 1))),
    "stride 2": ((3, 3), (2, 2), ((1, 1), (1, 1))),
    "uneven": ((3, 2), (2, 1), ((0, 1), (1, 0))),
    "no padding": ((2, 2), (2, 2), ((0, 0), (0, 0))),
}


POOLS = {
    "max": (max_pool, nn.max_pool),
    "avg": (avg_pool, functools.partial(nn.avg_pool, count_include_pad=False)),
}


@pytest.mark.parametrize("pools", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("ties", [False, True])
def test_value_and_gradient_equal_the_native_form(
    pools: tuple[Callable, Callable], case: tuple, ties: bool
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 7, 6, 3)).astype(np.float32)
    # After a ReLU, most windows hold several zeros.
    x = np.maximum(np.round(x), 0) if ties else x

    @jax.jit
    def results(x: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        def of(function: Callable) -> tuple[jax.Array, jax.Array]:
            y, pullback = jax.vjp(lambda x: function(x, *case), x)
            return y, pullback(
                jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
            )[0]

        return [of(pool) for pool in pools]

    for ours, native in zip(*results(x), strict=True):
        np.testing.assert_allclose(ours, native, rtol=1e-6, atol=1e-6)


def test_nan_is_not_hidden() -> None:
    x = jnp.zeros((1, 3, 3, 1)).at[0, 1, 1, 0].set(jnp.nan)
    assert jnp.isnan(max_pool(x, (3, 3), (1, 1), ((0, 0), (0, 0)))).all()
