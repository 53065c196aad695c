"""RandAugment (arXiv 1909.13719): random operations of one magnitude.

The ranges of the operations are AutoAugment's (arXiv 1805.09501, table 6). Operations
with two directions use either with equal probability; colour, contrast, brightness and
sharpness change by a factor from 0.1 to 1.9, which is 1 at magnitude 0.
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
"""The paper's 14 operations, indexed by `applied`."""

STRONGEST = 10.0
"""The magnitude at the end of every range."""

_DEGREES = 30.0
_SHEAR = 0.3
_TRANSLATION = 150 / 331
"""As a fraction of the image's side, which is 331 pixels in AutoAugment."""
_FACTOR = 0.9
_BITS = 4
_FIRST_WARP = OPERATIONS.index("rotate")


def randaugment(
    key: Key, images: jax.Array, operations: int, magnitude: float, fill: jax.Array
) -> jax.Array:
    """Applies random operations to every image, each drawn from all 14.

    Args:
      key: a PRNG key.
      images: ``uint8[B, H, W, C]``.
      operations: number of operations, N in the paper; static under jit.
      magnitude: M in the paper, from 0 to `STRONGEST`.
      fill: ``uint8[C]``, the colour outside the image.

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
    """Applies one operation to one image.

    Args:
      operation: ``int32[]``, an index into `OPERATIONS`.
      image: ``uint8[H, W, C]``.
      level: ``float[]`` from -1 to 1: the fraction of the operation's range; its sign
        is the direction, if the operation has two.
      fill: ``uint8[C]``, the colour outside the image.

    Returns:
      ``uint8[H, W, C]``.
    """
    strength, factor = jnp.abs(level), 1 + _FACTOR * level
    bits = 8 - jnp.round(_BITS * strength).astype(jnp.int32)
    threshold = jnp.round(256 * (1 - strength)).astype(jnp.int32)
    # Under vmap all branches run, so the geometric operations share one.
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
    """``float32[2, 3]`` of the operation, from positions in its result to the image."""
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
