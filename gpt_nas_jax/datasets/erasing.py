"""Random erasing (arXiv 1708.04896)."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.types import Key

AREAS = (0.02, 0.4)
"""Range of the erased fraction of an image's area, as in the paper."""
ASPECTS = (0.3, 1 / 0.3)
"""Range of the ratio of height to width, likewise."""

_TRIES = 10
"""The paper draws until a rectangle fits; in square images, 95% do."""


def random_erasing(
    key: Key, images: jax.Array, noise: jax.Array, probability: float
) -> jax.Array:
    """Replaces a rectangle of each image by noise, with some probability.

    Area, aspect ratio and position within the image are uniform. An image for which ten
    rectangles in a row are too large stays unchanged.

    Args:
      key: draws everything except the noise.
      images: ``[B, H, W, C]`` of any type.
      noise: likewise, which replaces the pixels.
      probability: for each image.

    Returns:
      An array like ``images``.
    """
    height, width = images.shape[1:3]

    def inside(key: Key) -> jax.Array:
        area_key, aspect_key, erase_key, *place_keys = jax.random.split(key, 5)
        low, high = AREAS
        area = height * width * jax.random.uniform(area_key, _TRIES, None, low, high)
        aspect = jax.random.uniform(aspect_key, _TRIES, None, *ASPECTS)
        tall = jnp.round(jnp.sqrt(area * aspect)).astype(jnp.int32)
        wide = jnp.round(jnp.sqrt(area / aspect)).astype(jnp.int32)
        fits = (tall < height) & (wide < width)
        first = jnp.argmax(fits)
        erased = fits.any() & jax.random.bernoulli(erase_key, probability)

        def covered(key: Key, length: int, side: jax.Array) -> jax.Array:
            begin = jax.random.randint(key, (), 0, length - side + 1)
            pixel = jnp.arange(length)
            return (begin <= pixel) & (pixel < begin + side)

        rows = covered(place_keys[0], height, tall[first])
        columns = covered(place_keys[1], width, wide[first])
        return erased & rows[:, None] & columns

    erased = jax.vmap(inside)(jax.random.split(key, len(images)))
    return jnp.where(erased[..., None], noise, images)
