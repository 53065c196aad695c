"""Folders of images, written with Pillow."""

import pathlib

import numpy as np
from PIL import Image

RANDOM = np.random.default_rng(0)


def picture(path: pathlib.Path, *shape: int, dtype: str = "uint8") -> np.ndarray:
    """Writes a picture of noise with the given shape; returns its pixels."""
    pixels = RANDOM.integers(0, 256, shape).astype(dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def laid_out(home: pathlib.Path, *parts: str) -> dict[str, np.ndarray]:
    """Writes ten cats and ten dogs in each part; returns their pixels by path."""
    names = [
        f"{part}/{name}/{number}.png"
        for part in parts
        for name in ("cat", "dog")
        for number in range(10)
    ]
    return {name: picture(home / name, 6, 5, 3) for name in names}
