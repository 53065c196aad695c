"""RandAugment (arXiv 1909.13719): random operations of one magnitude.

The ranges of the operations are AutoAugment's (arXiv 1805.09501, table 6). Those that
have two directions take either with equal probability; colour, contrast, brightness and
sharpness change by a factor from 0.1 to 1.9, so that magnitude 0 leaves every image as
it is.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gpt_nas_jax.datasets import pixels
from gpt_nas_jax.types import Key

OPERATIONS = (
    *("identity", "auto_contrast", "equalize", "posterize", "solarize"),
    *("color", "contrast", "brightness", "sharpness"),
    *("rotate", "shear_x", "shear_y", "translate_x", "translate_y"),
)
"""The paper's 14, in the order of the numbers that `applied` takes."""

STRONGEST = 10.0
"""The magnitude at the end of every range."""

_DEGREES = 30.0
_SHEAR = 0.3
_TRANSLATION = 150 / 331
"""Of the side of an image: AutoAugment's are 331 pixels high and wide."""
_FACTOR = 0.9
_BITS = 4
_FIRST_WARP = OPERATIONS.index("rotate")


def randaugment(
    key: Key, images: jax.Array, operations: int, magnitude: float, fill: jax.Array
) -> jax.Array:
    """So many operations on every image, each drawn from all 14.

    Args:
      key: decides everything.
      images: ``uint8[B, H, W, C]``.
      operations: N of the paper; static under jit.
      magnitude: M of the paper, from 0 to `STRONGEST`.
      fill: ``uint8[C]``, the colour that moves in from outside.

    Returns:
      ``uint8[B, H, W, C]``.
    """

    def one(key: Key, image: jax.Array) -> jax.Array:
        operation_key, sign_key = jax.random.split(key)
        operation = jax.random.randint(operation_key, (), 0, len(OPERATIONS))
        sign = jnp.where(jax.random.bernoulli(sign_key), 1, -1)
        return applied(operation, image, sign * magnitude / STRONGEST, fill)

    def all_once(images: jax.Array, key: Key) -> tuple[jax.Array, None]:
        return jax.vmap(one)(jax.random.split(key, len(images)), images), None

    return jax.lax.scan(all_once, images, jax.random.split(key, operations))[0]


def applied(
    operation: jax.Array, image: jax.Array, level: jax.Array, fill: jax.Array
) -> jax.Array:
    """One operation on one image.

    Args:
      operation: ``int32[]``, a number of `OPERATIONS`.
      image: ``uint8[H, W, C]``.
      level: ``float[]`` from -1 to 1: a share of the operation's range, and the
        direction where it has two.
      fill: ``uint8[C]``, the colour that moves in from outside.

    Returns:
      ``uint8[H, W, C]``.
    """
    strength, factor = jnp.abs(level), 1 + _FACTOR * level
    bits = 8 - jnp.round(_BITS * strength).astype(jnp.int32)
    threshold = jnp.round(256 * (1 - strength)).astype(jnp.int32)
    # Under vmap all branches run, so those that move pixels are one.
    branches: list[Callable[[], jax.Array]] = [
        lambda: image,
        lambda: pixels.auto_contrast(image),
        lambda: pixels.equalize(image),
        lambda: pixels.posterize(image, bits),
        lambda: pixels.solarize(image, threshold),
        lambda: pixels.color(image, factor),
        lambda: pixels.contrast(image, factor),
        lambda: pixels.brightness(image, factor),
        lambda: pixels.sharpness(image, factor),
        lambda: pixels.warp(image, _matrix(operation, image.shape, level), fill),
    ]
    return jax.lax.switch(jnp.minimum(operation, _FIRST_WARP), branches)


def _matrix(
    operation: jax.Array, shape: tuple[int, ...], level: jax.Array
) -> jax.Array:
    """``float32[2, 3]`` of the operation, from places in its result to the image."""
    height, width = shape[:2]
    straight = jnp.eye(2, 3)
    matrices = [
        pixels.rotation(height, width, _DEGREES * level),
        straight.at[0, 1].set(_SHEAR * level),
        straight.at[1, 0].set(_SHEAR * level),
        straight.at[0, 2].set(_TRANSLATION * width * level),
        straight.at[1, 2].set(_TRANSLATION * height * level),
    ]
    return jnp.stack(matrices)[jnp.maximum(operation - _FIRST_WARP, 0)]
