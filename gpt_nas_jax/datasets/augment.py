"""Batches of images on the device: order, normalisation and augmentation.

All functions are pure. Except for ``epoch_batches``, which is jitted here, they are
meant to be called inside a jitted step.
"""

import functools

import jax
import jax.numpy as jnp

from gpt_nas_jax.types import Key, UsageError


@functools.partial(jax.jit, static_argnames=("n", "batch"))
def epoch_batches(key: Key, n: int, batch: int) -> jax.Array:
    """Shuffles ``n`` indices and splits them into batches.

    Returns:
      ``int32[n // batch, batch]``; the last ``n % batch`` indices are dropped.

    Raises:
      UsageError: there are not enough images for one batch.
    """
    if batch > n:
        raise UsageError(
            f"a batch of {batch} needs at least {batch} images, but there are only {n}"
        )
    steps = n // batch
    return jax.random.permutation(key, n)[: steps * batch].reshape(steps, batch)


def normalise(images_u8: jax.Array, mean: jax.Array, std: jax.Array) -> jax.Array:
    """Scales pixels to [0, 1], then to zero mean and unit deviation per channel.

    Args:
      images_u8: ``uint8[B, H, W, C]``.
      mean: ``float32[C]``, of pixels in [0, 1].
      std: ``float32[C]``, likewise.

    Returns:
      ``float32[B, H, W, C]``.
    """
    shape = (1, 1, 1, -1)
    scaled = images_u8.astype(jnp.float32) / 255
    return (scaled - mean.reshape(shape)) / std.reshape(shape)


def random_crop(key: Key, images: jax.Array, pad: int) -> jax.Array:
    """Shifts every image by its own offset in [-pad, pad] along both axes.

    Args:
      key: draws the offsets.
      images: ``[B, H, W, C]`` of any type.
      pad: in pixels; the padding is zero.

    Returns:
      An array like ``images``.
    """
    padded = jnp.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * pad + 1)

    def crop(image: jax.Array, corner: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (*corner, 0), images.shape[1:])

    return jax.vmap(crop)(padded, corners)


def random_flip(key: Key, images: jax.Array) -> jax.Array:
    """Mirrors every image left to right with probability one half.

    ``images`` is ``[B, H, W, C]`` of any type; so is the result.
    """
    mirrored = jax.random.bernoulli(key, shape=(len(images), 1, 1, 1))
    return jnp.where(mirrored, images[:, :, ::-1], images)


def cutout(key: Key, images: jax.Array, size: int) -> jax.Array:
    """Sets a square of every image to zero.

    Its centre is uniform over the image, so the square may extend beyond the border.
    From DeVries and Taylor, arXiv 1708.04552.

    Args:
      key: draws the centres.
      images: ``[B, H, W, C]`` of any type.
      size: side of the square in pixels.

    Returns:
      An array like ``images``.
    """
    height, width = images.shape[1:3]
    row_key, column_key = jax.random.split(key)

    def covered(key: Key, length: int) -> jax.Array:
        centre = jax.random.randint(key, (len(images), 1), 0, length)
        start = centre - size // 2
        pixel = jnp.arange(length)[None]
        return (start <= pixel) & (pixel < start + size)

    rows = covered(row_key, height)[:, :, None, None]
    columns = covered(column_key, width)[:, None, :, None]
    return jnp.where(rows & columns, jnp.zeros((), images.dtype), images)


def augment(
    key: Key, images: jax.Array, *, pad: int, flip: bool, cutout_size: int
) -> jax.Array:
    """Randomly crops, mirrors and cuts out, independently for each image.

    Zero is black in ``uint8`` images and the channel's mean in normalised ones.

    Args:
      key: a PRNG key.
      images: ``[B, H, W, C]`` of any type.
      pad: see ``random_crop``; 0 for none. Static under jit.
      flip: whether to mirror. Static under jit.
      cutout_size: see ``cutout``; 0 for none. Static under jit.

    Returns:
      An array like ``images``.
    """
    crop_key, flip_key, cutout_key = jax.random.split(key, 3)
    if pad:
        images = random_crop(crop_key, images, pad)
    if flip:
        images = random_flip(flip_key, images)
    if cutout_size:
        images = cutout(cutout_key, images, cutout_size)
    return images
