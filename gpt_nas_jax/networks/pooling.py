"""Pooling in the form that each platform runs fastest.

XLA's CPU backend runs a window element by element, and worse the gradient of a maximum.
Here a window is taken along the width and then along the height as a few shifted
images: value and gradient, a maximum over 3x3 of 64x32x32x16 takes 45 ms natively and
3.6 ms so, an average 4.0 and 3.5 ms (`launch/benchmarks/operations.py`, 2 CPU cores,
JAX 0.10.2, 22 November 2026).
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
    """The largest of each window, ``[B, H, W, C]`` to ``[B, H', W', C]``.

    Of equal pixels the first, by row, gets the gradient. Padding never wins.
    """

    def native(x: jax.Array) -> jax.Array:
        return nn.max_pool(x, window, strides, pads)

    def separable(x: jax.Array) -> jax.Array:
        # Columns first, so that of equal pixels the one in the first row wins.
        for axis in (2, 1):
            images = _shifted(x, axis, -jnp.inf, window, strides, pads)
            x = functools.reduce(_larger, images)
        return x

    return by_platform(separable, native)(x)


def avg_pool(
    x: jax.Array, window: Pair, strides: Pair, pads: tuple[Pair, Pair]
) -> jax.Array:
    """The mean of each window, ``[B, H, W, C]`` to ``[B, H', W', C]``.

    Padding counts in no mean.
    """

    def native(x: jax.Array) -> jax.Array:
        # Flax divides by counts in float32, and so puts out float32 for any input.
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
    """The pixels that each place of a window meets, along one axis."""
    taps, stride, pad = (numbers[axis - 1] for numbers in (window, strides, pads))
    numpy = np if isinstance(x, np.ndarray) else jnp
    widths = [pad if i == axis else (0, 0) for i in range(x.ndim)]
    x = numpy.pad(x, widths, constant_values=outside)
    last = x.shape[axis] - taps
    before = (slice(None),) * axis
    return [x[(*before, slice(tap, tap + last + 1, stride))] for tap in range(taps)]


def _larger(best: jax.Array, image: jax.Array) -> jax.Array:
    """The larger pixels; what is no number stays, as in the native form."""
    return jnp.where((image > best) | jnp.isnan(image), image, best)
