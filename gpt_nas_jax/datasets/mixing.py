"""Mixup and cutmix: each image is mixed with another of the same batch.

Labels are mixed like the images. As in the papers' algorithms, there is one mixing
weight per batch, drawn from Beta(alpha, alpha).
"""

import jax
import jax.numpy as jnp

from gpt_nas_jax.types import Key

Mixed = tuple[jax.Array, jax.Array, jax.Array]
"""Images, shaped like the input, ``int32[B]``, the partner of each, and ``float32[]``,
the weight of its own label."""


def mixup(key: Key, images: jax.Array, alpha: float) -> Mixed:
    """Averages every image with another one (arXiv 1710.09412).

    Args:
      key: draws the pairs and the weight.
      images: ``float[B, H, W, C]``.
      alpha: of the Beta distribution; the larger, the more equal the two weights.
    """
    pair_key, share_key = jax.random.split(key)
    partner = jax.random.permutation(pair_key, len(images))
    share = jax.random.beta(share_key, alpha, alpha)
    own = share.astype(images.dtype)
    return own * images + (1 - own) * images[partner], partner, share


def cutmix(key: Key, images: jax.Array, alpha: float) -> Mixed:
    """Replaces a rectangle of every image by that of another (arXiv 1905.04899).

    Its area fraction is drawn from Beta(alpha, alpha), with the image's aspect ratio,
    and its centre is uniform over the image. It is clipped at the border, and the
    weight of the label is the fraction of the image that remains.

    Args:
      key: draws the pairs and the rectangle, which is the same for all images.
      images: ``[B, H, W, C]`` of any type.
      alpha: of the Beta distribution.
    """
    pair_key, share_key, *centre_keys = jax.random.split(key, 4)
    partner = jax.random.permutation(pair_key, len(images))
    side = jnp.sqrt(1 - jax.random.beta(share_key, alpha, alpha))

    def covered(key: Key, length: int) -> jax.Array:
        half = (length * side).astype(jnp.int32) // 2
        centre = jax.random.randint(key, (), 0, length)
        pixel = jnp.arange(length)
        return (centre - half <= pixel) & (pixel < centre + half)

    rows, columns = map(covered, centre_keys, images.shape[1:3])
    inside = rows[:, None] & columns
    share = 1 - inside.mean()
    return jnp.where(inside[:, :, None], images[partner], images), partner, share


def mixed(
    key: Key, images: jax.Array, mixup_alpha: float, cutmix_alpha: float
) -> Mixed:
    """Applies mixup or cutmix; if both are set, either with equal probability.

    Args:
      key: a PRNG key.
      images: ``float[B, H, W, C]``.
      mixup_alpha: see ``mixup``; 0 for none. Static under jit.
      cutmix_alpha: see ``cutmix``; 0 for none, but not both. Static under jit.
    """
    which_key, key = jax.random.split(key)
    if not cutmix_alpha:
        return mixup(key, images, mixup_alpha)
    if not mixup_alpha:
        return cutmix(key, images, cutmix_alpha)
    return jax.lax.cond(
        jax.random.bernoulli(which_key),
        lambda: mixup(key, images, mixup_alpha),
        lambda: cutmix(key, images, cutmix_alpha),
    )
