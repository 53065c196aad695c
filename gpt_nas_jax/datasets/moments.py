"""Mean and deviation of pixels, independent of the order of summation."""

import math
from collections.abc import Iterator

import numpy as np

# Pixels that are counted at a time, since counting takes 8 bytes for each.
_PIXELS = 1 << 20


def sums(images: np.ndarray) -> np.ndarray:
    """Sums of the pixels of ``uint8[N, H, W, C]`` and of their squares.

    Returns:
      ``int64[2, C]``.
    """
    values = np.arange(256, dtype=np.int64)
    total = np.zeros((2, images.shape[-1]), np.int64)
    for pixels in _parts(images):
        for channel in range(pixels.shape[-1]):
            counts = np.bincount(pixels[..., channel].ravel(), minlength=256)
            total[:, channel] += counts @ values, counts @ values**2
    return total


def _parts(images: np.ndarray) -> Iterator[np.ndarray]:
    """Parts of at most `_PIXELS` pixels; a larger row of pixels is one part."""
    _, height, width, _ = images.shape
    rows = max(1, _PIXELS // width)
    # Whole images where one fits, else some rows of one image.
    count = max(1, rows // height)
    for begin in range(0, len(images), count):
        for top in range(0, height, rows):
            yield images[begin : begin + count, top : top + rows]


def of_sums(pixels: int, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel of pixels scaled to [0, 1].

    The deviation of a constant channel is 1, since normalisation divides by it.

    Args:
      pixels: number of pixels per channel.
      total: ``int64[2, C]`` from `sums`, of all of them.

    Returns:
      ``float32[C]`` each.
    """
    mean, std = [], []
    # Python's integers are exact.
    for first, second in total.T.tolist():
        mean.append(first / pixels / 255)
        std.append(math.sqrt(pixels * second - first**2) / pixels / 255 or 1)
    return np.array(mean, np.float32), np.array(std, np.float32)
