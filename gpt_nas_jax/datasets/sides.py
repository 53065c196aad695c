"""The side that pictures of several sizes are cut to, chosen by their headers."""

import contextlib
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from gpt_nas_jax.datasets import pictures

MOST = 224
"""Pixels of a chosen side at most, as usual for ImageNet."""


def sizes(paths: Sequence[pathlib.Path], advance: Callable[[], None]) -> np.ndarray:
    """Widths and heights by the headers of pictures; decodes none.

    Args:
      paths: N pictures.
      advance: called after each.

    Returns:
      ``int32[M, 2]`` of those whose headers can be read, in their order.
    """
    found = []
    for path in paths:
        # Decoding tells of those that cannot be read, header or not.
        with contextlib.suppress(pictures.UnreadableError):
            found.append(pictures.size(path))
        advance()
    return np.array(found, np.int32).reshape(-1, 2)


def chosen(found: np.ndarray) -> int:
    """The median of the short sides, at most `MOST`; 0 where all sizes are equal.

    Of an even number the lower one in the middle is taken.

    Args:
      found: ``int32[M, 2]`` as of `sizes`.
    """
    if (found == found[:1]).all():
        return 0
    short = np.sort(found.min(1))
    return min(MOST, int(short[(len(short) - 1) // 2]))
