"""Convolutions and poolings on the CPU: XLA's own against the forms used here.

    python launch/benchmarks/operations.py

Value and both gradients of float32 on 64 images, medians in one run; a minute on 2 CPU
cores. On other platforms both columns are the same program.
"""

import functools
import statistics
import time
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gpt_nas_jax.networks.convolution import conv_general_dilated
from gpt_nas_jax.networks.pooling import avg_pool, max_pool
from gpt_nas_jax.reports.terminal import show_table
from gpt_nas_jax.training.jit import jit

_BATCH = 64
_REPEATS = 9
_NHWC = ("NHWC", "HWIO", "NHWC")
# Side, channels, kernel, groups.
_CONVOLUTIONS = {
    "depthwise 3x3": (32, 128, 3, 128),
    "3x3 in 8 groups": (32, 32, 3, 8),
    "3x3": (32, 32, 3, 1),
    "3x3, narrow": (32, 16, 3, 1),
    "3x3 on few pixels": (2, 128, 3, 1),
    "1x1": (32, 32, 1, 1),
}
_POOLS = {
    "max 3x3": (max_pool, nn.max_pool),
    "average 3x3": (
        avg_pool,
        functools.partial(nn.avg_pool, count_include_pad=False),
    ),
}
_Operation = Callable[..., jax.Array]


def milliseconds(program: Callable[..., object], *args: jax.Array) -> float:
    """The median time of a program, once it is compiled."""
    times = []
    for _ in range(1 + _REPEATS):
        begin = time.perf_counter()
        jax.block_until_ready(program(*args))
        times.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(times[1:])


def row(
    name: str, ours: _Operation, native: _Operation, *args: jax.Array
) -> tuple[str, ...]:
    """Value and gradients of the two forms, and their ratio."""

    def both(operation: _Operation) -> Callable[..., object]:
        def run(*args: jax.Array) -> object:
            y, pullback = jax.vjp(operation, *args)
            return y, pullback(y)

        return run

    fast = milliseconds(jit()(both(ours)), *args)
    slow = milliseconds(jax.jit(both(native)), *args)
    shape = "x".join(map(str, args[0].shape))
    return name, shape, f"{slow:.1f}", f"{fast:.1f}", f"{slow / fast:.1f}"


def main() -> None:
    random = np.random.default_rng(0)

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(random.normal(size=shape), jnp.float32)

    rows = []
    for name, (side, channels, taps, groups) in _CONVOLUTIONS.items():
        options = {
            "window_strides": (1, 1),
            "padding": ((taps // 2,) * 2,) * 2,
            "dimension_numbers": _NHWC,
            "feature_group_count": groups,
        }
        forms = (
            functools.partial(convolve, **options)
            for convolve in (conv_general_dilated, lax.conv_general_dilated)
        )
        x = normal(_BATCH, side, side, channels)
        kernel = normal(taps, taps, channels // groups, channels)
        rows.append(row(name, *forms, x, kernel))
    for name, pools in _POOLS.items():
        forms = (functools.partial(_pooled, pool) for pool in pools)
        rows.append(row(name, *forms, normal(_BATCH, 32, 32, 16)))
    columns = ("operation", "images", "XLA's own, ms", "here, ms", "times as fast")
    show_table("Value and gradients", columns, rows)


def _pooled(pool: _Operation, x: jax.Array) -> jax.Array:
    return pool(x, (3, 3), (1, 1), ((1, 1), (1, 1)))


if __name__ == "__main__":
    main()
