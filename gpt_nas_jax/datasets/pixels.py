"""Operations on an image, equivalent to Pillow's ImageOps and ImageEnhance.

Each maps ``uint8[H, W, C]`` to the same shape and type, and is called inside a jitted
program, under vmap.
"""

import jax
import jax.numpy as jnp

_VALUES = 256


def auto_contrast(image: jax.Array) -> jax.Array:
    """Stretches every channel to 0 to 255; a constant channel stays as it is."""
    whole = image.astype(jnp.int32)
    low, high = whole.min((0, 1)), whole.max((0, 1))
    stretched = (whole - low) * 255 // jnp.maximum(high - low, 1)
    return jnp.where(high > low, stretched, whole).astype(jnp.uint8)


def equalize(image: jax.Array) -> jax.Array:
    """Equalises the histogram of every channel."""

    def one(channel: jax.Array) -> jax.Array:
        counts = jnp.bincount(channel.ravel(), length=_VALUES)
        step = (channel.size - counts[channel.max()]) // 255
        below = jnp.cumsum(counts) - counts
        table = jnp.minimum((step // 2 + below) // jnp.maximum(step, 1), 255)
        return jnp.where(step > 0, table[channel], channel)

    return jax.vmap(one, -1, -1)(image).astype(jnp.uint8)


def posterize(image: jax.Array, bits: jax.Array) -> jax.Array:
    """Keeps the ``bits`` highest bits of every value, ``int32[]`` from 1 to 8."""
    return image & (_VALUES - (1 << (8 - bits))).astype(jnp.uint8)


def solarize(image: jax.Array, threshold: jax.Array) -> jax.Array:
    """Inverts the values from ``threshold`` on, ``int32[]`` from 0 to 256."""
    return jnp.where(image.astype(jnp.int32) < threshold, image, 255 - image)


def color(image: jax.Array, factor: jax.Array) -> jax.Array:
    """Blends greyscale (factor 0) and the image (1), or extrapolates."""
    return _blended(_grey(image)[..., None], image, factor)


def contrast(image: jax.Array, factor: jax.Array) -> jax.Array:
    """Blends the mean grey value (factor 0) and the image (1), or extrapolates."""
    mean = jnp.floor(_grey(image).astype(jnp.float32).mean() + 0.5)
    return _blended(mean, image, factor)


def brightness(image: jax.Array, factor: jax.Array) -> jax.Array:
    """Blends black (factor 0) and the image (1), or extrapolates."""
    return _blended(jnp.zeros(()), image, factor)


def sharpness(image: jax.Array, factor: jax.Array) -> jax.Array:
    """Blends a smoothed image (factor 0) and the image (1), or extrapolates.

    The smoothing kernel is 3x3 with centre weight 5; the border stays as it is.
    """
    whole = image.astype(jnp.int32)
    height, width = image.shape[:2]
    total = 4 * whole[1:-1, 1:-1] + sum(
        whole[row : row + height - 2, column : column + width - 2]
        for row in range(3)
        for column in range(3)
    )
    # A thirteenth, rounded.
    smooth = whole.at[1:-1, 1:-1].set((2 * total + 13) // 26)
    return _blended(smooth, image, factor)


def warp(image: jax.Array, matrix: jax.Array, fill: jax.Array) -> jax.Array:
    """Applies an affine map with nearest-neighbour sampling.

    Args:
      image: ``uint8[H, W, C]``.
      matrix: ``float32[2, 3]`` from (x, y, 1) in the result to (x, y) in the image, in
        pixels; the centre of the first pixel is (0.5, 0.5).
      fill: ``uint8[C]``, the colour outside the image.
    """
    height, width = image.shape[:2]
    y, x = jnp.arange(height)[:, None] + 0.5, jnp.arange(width)[None] + 0.5
    # Not a matrix product, which accelerators compute in lower precision.
    column, row = (jnp.floor(a * x + b * y + c).astype(jnp.int32) for a, b, c in matrix)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    moved = image[jnp.clip(row, 0, height - 1), jnp.clip(column, 0, width - 1)]
    return jnp.where(inside[..., None], moved, fill)


def rotation(height: int, width: int, degrees: jax.Array) -> jax.Array:
    """The matrix of `warp` that rotates an image anticlockwise about its centre."""
    angle = -jnp.deg2rad(degrees)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = width / 2, height / 2
    return jnp.array(
        [[cos, sin, x - cos * x - sin * y], [-sin, cos, y + sin * x - cos * y]]
    )


def _grey(image: jax.Array) -> jax.Array:
    """``int32[H, W]``: ITU-R 601-2 luma of three channels, else the channel mean."""
    whole = image.astype(jnp.int32)
    if image.shape[-1] != 3:
        return whole.sum(-1) // image.shape[-1]
    weights = jnp.array([19595, 38470, 7471])
    return ((whole * weights).sum(-1) + (1 << 15)) >> 16


def _blended(other: jax.Array, image: jax.Array, factor: jax.Array) -> jax.Array:
    other = other.astype(jnp.float32)
    values = other + factor * (image.astype(jnp.float32) - other)
    return jnp.clip(values, 0, 255).astype(jnp.uint8)
