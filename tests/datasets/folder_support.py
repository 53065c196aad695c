"""Folders of images, written with Pillow."""

import pathlib

import numpy as np
from PIL import Image

RANDOM = np.random.default_rng(0)


def picture(path: pathlib.Path, *shape: int, dtype: str = "uint8") -> np.ndarray:
    """Writes noise of a shape; returns it."""
    pixels = RANDOM.integers(0, 256, shape).astype(dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def laid_out(home: pathlib.Path, *parts: str) -> dict[str, np.ndarray]:
    """Cats and dogs, ten of each in each part, by their paths."""
    names = [
        f"{part}/{name}/{number}.png"
        for part in parts
        for name in ("cat", "dog")
        for number in range(10)
    ]
    return {name: picture(home / name, 6, 5, 3) for name in names}
