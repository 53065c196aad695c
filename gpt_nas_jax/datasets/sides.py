"""Chooses a common side for pictures of several sizes, from their headers."""

import contextlib
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from gpt_nas_jax.datasets import pictures

MOST = 224
"""Maximum of a chosen side in pixels, as usual for ImageNet."""


def sizes(paths: Sequence[pathlib.Path], advance: Callable[[], None]) -> np.ndarray:
    """Reads widths and heights of pictures, decoding as few as possible.

    Args:
      paths: N pictures.
      advance: called after each.

    Returns:
      ``int32[M, 2]`` of those whose headers can be read, in order.
    """
    found = []
    for path in paths:
        # Decoding reports unreadable pictures, whether by header or not.
        with contextlib.suppress(pictures.UnreadableError):
            found.append(pictures.size(path))
        advance()
    return np.array(found, np.int32).reshape(-1, 2)


def chosen(found: np.ndarray) -> int:
    """The lower median of the short sides, at most `MOST`; 0 if all sizes are equal.

    Args:
      found: ``int32[M, 2]`` from `sizes`.
    """
    if (found == found[:1]).all():
        return 0
    short = np.sort(found.min(1))
    return min(MOST, int(short[(len(short) - 1) // 2]))
