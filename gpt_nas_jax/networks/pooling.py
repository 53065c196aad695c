"""Pooling in the form that runs fastest on each platform.

XLA's CPU backend processes windows element by element, and is slowest for the gradient
of a maximum. Here a window is reduced along the width and then along the height, over a
few shifted images: value and gradient of a 3x3 maximum on 64x32x32x16 take 3.6 instead
of 45 ms, of an average 3.5 instead of 4.0 ms (`launch/benchmarks/operations.py`, 2 CPU
cores, JAX 0.10.2, 22 November 2026).
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.networks.platform import by_platform

Pair = tuple[int, int]


def max_pool(
    x: jax.Array, window: Pair, strides: Pair, pads: tuple[Pair, Pair]
) -> jax.Array:
    """The maximum of each window, ``[B, H, W, C]`` to ``[B, H', W', C]``.

    Among equal pixels, the first in row-major order gets the gradient. Padding is
    ignored.
    """

    def native(x: jax.Array) -> jax.Array:
        return nn.max_pool(x, window, strides, pads)

    def separable(x: jax.Array) -> jax.Array:
        # Width first, so that among equal pixels the one in the first row wins.
        for axis in (2, 1):
            images = _shifted(x, axis, -jnp.inf, window, strides, pads)
            x = functools.reduce(_larger, images)
        return x

    return by_platform(separable, native)(x)


def avg_pool(
    x: jax.Array, window: Pair, strides: Pair, pads: tuple[Pair, Pair]
) -> jax.Array:
    """The mean of each window, ``[B, H, W, C]`` to ``[B, H', W', C]``.

    Means exclude padding.
    """

    def native(x: jax.Array) -> jax.Array:
        # Flax divides by float32 counts, so it returns float32 for any input.
        mean = nn.avg_pool(x, window, strides, pads, count_include_pad=False)
        return mean.astype(x.dtype)

    def separable(x: jax.Array) -> jax.Array:
        for axis in (2, 1):
            inside = np.ones([x.shape[axis] if i == axis else 1 for i in range(4)])
            count = sum(_shifted(inside, axis, 0, window, strides, pads))
            total = sum(_shifted(x, axis, 0, window, strides, pads))
            x = total * (1 / count).astype(x.dtype)
        return x

    return by_platform(separable, native)(x)


def _shifted(
    x: jax.Array | np.ndarray,
    axis: int,
    outside: float,
    window: Pair,
    strides: Pair,
    pads: tuple[Pair, Pair],
) -> list[jax.Array]:
    """The input pixels at each tap of a window, along one axis."""
    taps, stride, pad = (numbers[axis - 1] for numbers in (window, strides, pads))
    numpy = np if isinstance(x, np.ndarray) else jnp
    widths = [pad if i == axis else (0, 0) for i in range(x.ndim)]
    x = numpy.pad(x, widths, constant_values=outside)
    last = x.shape[axis] - taps
    before = (slice(None),) * axis
    return [x[(*before, slice(tap, tap + last + 1, stride))] for tap in range(taps)]


def _larger(best: jax.Array, image: jax.Array) -> jax.Array:
    """The larger pixels; propagates NaN, as the native form does."""
    return jnp.where((image > best) | jnp.isnan(image), image, best)
