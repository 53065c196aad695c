"""Gradients of a convolution's kernel for the CPU, a few images at a time.

The patches of a 3x3 kernel are nine times as large as the images: written and read as a
whole, they take longer than the arithmetic. For a few images at a time they stay in the
cache. Against XLA's gradients of the forms in `convolution`, medians in one run (2 CPU
cores, JAX 0.10.2, 22 November 2026): depthwise on 64x32x32x128 39 against 121 ms, dense
on 64x32x32x16 3.0 against 5.9 ms.
"""

import math
import operator

import jax
import jax.numpy as jnp
from jax import lax

from gpt_nas_jax.networks.product import transposed_product
from gpt_nas_jax.networks.window import Window

# For more channels or fewer pixels, XLA's own gradient is as fast.
_MOST_CHANNELS = 16
_FEWEST_PIXELS = 2**14
# For so few channels, this one is faster on few pixels, too (64x8x8x8 to 8: 0.17
# against 0.29 ms), and XLA's depends on the number of threads (`product`).
_FEW_CHANNELS = 8
_PIXELS_AT_A_TIME = 2**12
_SUMMED = jnp.float32
"""In bfloat16 a sum of many terms stops growing."""


def is_fast(x: jax.Array, kernel: jax.Array, window: Window) -> bool:
    """Whether `dense` beats XLA's own gradient; False for a batch of unknown size."""
    batch = x.shape[0]
    if not isinstance(batch, int):
        return False
    fewest, most = sorted(kernel.shape[2:])
    enough = batch * math.prod(window.sides(x)) >= _FEWEST_PIXELS
    return most <= _MOST_CHANNELS and (enough or fewest <= _FEW_CHANNELS)


def dense(x: jax.Array, dy: jax.Array, window: Window) -> jax.Array:
    """The gradient ``[h, w, C, F]`` for images ``[B, H, W, C]``."""
    channels, features = x.shape[-1], dy.shape[-1]
    images = max(1, _PIXELS_AT_A_TIME // math.prod(dy.shape[1:3]))
    images = math.gcd(len(x), images)

    def add(total: jax.Array, part: tuple[jax.Array, jax.Array]) -> tuple:
        x, dy = part
        rows = (a.reshape(-1, a.shape[-1]) for a in (dy, window.met(x)))
        # In this order the product is twice as fast.
        return total + transposed_product(*rows).astype(_SUMMED), None

    total = jnp.zeros((features, math.prod(window.taps) * channels), _SUMMED)
    parts = (a.reshape(-1, images, *a.shape[1:]) for a in (x, dy))
    total, _ = lax.scan(add, total, tuple(parts))
    return total.T.reshape(*window.taps, channels, features).astype(dy.dtype)


def product(x: jax.Array, dy: jax.Array, window: Window) -> jax.Array:
    """The gradient ``[h * w * C, F]`` for images ``[B, H, W, C]``, all at once."""
    rows = (a.reshape(-1, a.shape[-1]) for a in (window.met(x), dy))
    return transposed_product(*rows)


def depthwise(x: jax.Array, dy: jax.Array, window: Window) -> jax.Array:
    """The gradient ``[h, w, 1, C]`` for images ``[B, H, W, C]``."""
    places = math.prod(window.taps)

    def add(total: jax.Array, part: tuple[jax.Array, jax.Array]) -> tuple:
        x, dy = part
        x, dy = x.astype(_SUMMED), dy.astype(_SUMMED)
        met = tuple(image[0] * dy for image in window.images(window.padded(x[None])))
        # One pass for all taps, which sums over the rows and keeps the columns.
        zeros = (jnp.zeros((), _SUMMED),) * places
        rows = lax.reduce(met, zeros, _plus, (0,))
        return total + jnp.stack(rows), None

    total = jnp.zeros((places, *dy.shape[2:]), _SUMMED)
    total, _ = lax.scan(add, total, (x, dy))
    return total.sum(1).reshape(*window.taps, 1, -1).astype(dy.dtype)


def _plus(a: tuple[jax.Array, ...], b: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    return tuple(map(operator.add, a, b))
