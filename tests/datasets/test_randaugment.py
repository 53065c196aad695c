"""RandAugment's operations against Pillow, and the sampling of operations."""

import functools
import math
from collections.abc import Callable

import jax
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from gpt_nas_jax.datasets import randaugment
from gpt_nas_jax.datasets.randaugment import OPERATIONS

FILL = np.array([120, 130, 140], np.uint8)
LEVELS = (-1.0, -0.63, -0.2, 0.0, 0.35, 0.8, 1.0)
WARPS = OPERATIONS[-5:]

run = jax.jit(jax.vmap(randaugment.applied, (None, 0, None, None)))
several = jax.jit(randaugment.randaugment, static_argnums=(2, 3))


@functools.cache
def pictures(height: int, width: int) -> np.ndarray:
    """``uint8[8, H, W, 3]``: noisy waves, with narrow and wide ranges of values."""
    random = np.random.default_rng(height)
    y, x = np.mgrid[:height, :width]
    images = []
    for number in range(8):
        waves = [np.sin(x / (3 + c) + number) + np.cos(y / (5 + c)) for c in range(3)]
        noise = random.normal(size=(height, width, 3)) * 0.3
        low, high = sorted(random.integers(0, 256, 2))
        scaled = low + (np.stack(waves, -1) + noise + 2.5) / 5 * (high - low)
        images.append(np.clip(scaled, 0, 255).astype(np.uint8))
    # One image with only two values, and one with a single value.
    images[0] = np.where(images[0] > images[0].mean(), 200, 7).astype(np.uint8)
    images[1][:] = 77
    return np.stack(images)


def pillow(name: str, image: Image.Image, level: float) -> Image.Image:
    """The paper's operation in Pillow, with AutoAugment's ranges."""
    strength, (width, height) = abs(level), image.size
    enhance: dict[str, Callable[[Image.Image], ImageEnhance._Enhance]] = {
        "color": ImageEnhance.Color,
        "contrast": ImageEnhance.Contrast,
        "brightness": ImageEnhance.Brightness,
        "sharpness": ImageEnhance.Sharpness,
    }
    moved = {
        "shear_x": (1, 0.3 * level, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, 0.3 * level, 1, 0),
        "translate_x": (1, 0, 150 / 331 * width * level, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, 150 / 331 * height * level),
    }
    if name in enhance:
        return enhance[name](image).enhance(1 + 0.9 * level)
    if name in moved:
        how = {"resample": Image.Resampling.NEAREST, "fillcolor": tuple(FILL.tolist())}
        return image.transform(image.size, Image.Transform.AFFINE, moved[name], **how)
    match name:
        case "identity":
            return image
        case "auto_contrast":
            return ImageOps.autocontrast(image)
        case "equalize":
            return ImageOps.equalize(image)
        case "posterize":
            return ImageOps.posterize(image, 8 - round(4 * strength))
        case "solarize":
            return ImageOps.solarize(image, round(256 * (1 - strength)))
        case "rotate":
            return image.rotate(30 * level, fillcolor=tuple(FILL.tolist()))
    raise ValueError(name)


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_pillows(name: str, size: tuple[int, int]) -> None:
    images, number = pictures(*size), OPERATIONS.index(name)
    for level in LEVELS:
        found = np.asarray(run(number, images, level, FILL))
        assert (found.shape, found.dtype) == (images.shape, np.uint8)
        theirs = [
            np.asarray(pillow(name, Image.fromarray(image), level)) for image in images
        ]
        apart = np.abs(found.astype(int) - np.stack(theirs))
        if name in WARPS:
            # Pillow steps along a line in fixed point, so it may choose the other pixel
            # where a position lies between two.
            assert (apart.max(-1) > 0).mean() <= 0.02
        else:
            assert apart.max() <= 1
            assert (apart > 0).mean() < 0.01


def test_grey_images_are_those_of_pillow() -> None:
    grey = pictures(32, 32)[..., :1]
    for name in ("equalize", "contrast", "sharpness", "color"):
        found = run(OPERATIONS.index(name), grey, 0.7, FILL[:1])
        for image, ours in zip(grey[..., 0], np.asarray(found)[..., 0], strict=True):
            theirs = np.asarray(pillow(name, Image.fromarray(image), 0.7))
            assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_each_image_gets_one_of_the_operations_in_one_direction() -> None:
    # A picture that no two operations change in the same way.
    image = pictures(32, 32)[5]
    images = np.stack([image] * 512)
    found = np.asarray(several(jax.random.key(0), images, 1, 6.0, FILL))
    counts = dict.fromkeys(OPERATIONS, 0)
    possible = {
        np.asarray(run(number, image[None], sign * 0.6, FILL)).tobytes(): name
        for number, name in enumerate(OPERATIONS)
        for sign in (-1, 1)
    }
    # Five of them have only one direction.
    assert len(possible) == 2 * len(OPERATIONS) - 5
    for one in found:
        counts[possible[one.tobytes()]] += 1
    # Six standard deviations around 512 / 14.
    expected = 512 / len(OPERATIONS)
    assert all(
        abs(count - expected) < 6 * math.sqrt(expected) for count in counts.values()
    )


def test_operations_follow_each_other_and_derive_from_the_key() -> None:
    images = np.stack([pictures(32, 32)[5]] * 256)
    one, two = (
        np.asarray(several(jax.random.key(3), images, count, 10.0, FILL))
        for count in (1, 2)
    )
    again = several(jax.random.key(3), images, 2, 10.0, FILL)
    np.testing.assert_array_equal(two, again)
    kinds = [len({image.tobytes() for image in some}) for some in (one, two)]
    assert kinds[0] <= 2 * len(OPERATIONS) - 5 < kinds[1]


def test_magnitude_0_leaves_all_but_contrast_and_histogram_alone() -> None:
    images = pictures(32, 32)
    for number, name in enumerate(OPERATIONS):
        if name not in ("auto_contrast", "equalize"):
            np.testing.assert_array_equal(run(number, images, 0.0, FILL), images)
