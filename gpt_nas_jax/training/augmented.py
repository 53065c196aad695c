"""A batch as it is trained on: augmented, normalised, with its labels."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.config import Recipe, RetrainRecipe
from gpt_nas_jax.datasets.augment import augment, normalise
from gpt_nas_jax.datasets.erasing import random_erasing
from gpt_nas_jax.datasets.mixing import mixed
from gpt_nas_jax.datasets.randaugment import randaugment
from gpt_nas_jax.training.targets import Labels, targets
from gpt_nas_jax.types import Key

# Folded into the key of the batch, of which `augment` has the first three.
_RANDAUGMENT, _ERASING, _NOISE, _MIXING = range(3, 7)


def augmented(
    recipe: Recipe,
    key: Key,
    pixels: jax.Array,
    labels: jax.Array,
    mean: jax.Array,
    std: jax.Array,
    weights: jax.Array | None,
    pad: int,
    flip: bool,
) -> tuple[jax.Array, Labels]:
    """Everything that a recipe does to a batch, in the order of the papers.

    RandAugment changes bytes; normalised images are shifted, mirrored, cut out, erased
    and mixed. What is off is not compiled.

    Args:
      recipe: how; static under jit.
      key: of the batch.
      pixels: ``uint8[B, H, W, C]``.
      labels: ``int32[B]``.
      mean: ``float32[C]`` of pixels in [0, 1].
      std: ``float32[C]``, likewise.
      weights: ``float32[K]`` of each class in the loss; None where all count 1.
      pad: by how much images may be shifted; 0 where they have been. Static.
      flip: whether to mirror images. Static.

    Returns:
      ``float32[B, H, W, C]`` and the labels.
    """
    long = recipe if isinstance(recipe, RetrainRecipe) else RetrainRecipe()
    if long.randaugment_ops:
        # What is moved in is zero once normalised, as around a shifted image.
        fill = jnp.round(255 * mean).astype(jnp.uint8)
        own = jax.random.fold_in(key, _RANDAUGMENT)
        pixels = randaugment(
            own, pixels, long.randaugment_ops, long.randaugment_magnitude, fill
        )
    x = normalise(pixels, mean, std)
    x = augment(key, x, pad=pad, flip=flip, cutout_size=recipe.cutout)
    if long.erasing:
        noise_key = jax.random.fold_in(key, _NOISE)
        noise = jax.random.randint(noise_key, x.shape, 0, 256)
        own = jax.random.fold_in(key, _ERASING)
        x = random_erasing(own, x, normalise(noise, mean, std), long.erasing)
    pairs = None
    if long.mixup or long.cutmix:
        own = jax.random.fold_in(key, _MIXING)
        x, *pairs = mixed(own, x, long.mixup, long.cutmix)
    return x, targets(labels, pairs, weights)
