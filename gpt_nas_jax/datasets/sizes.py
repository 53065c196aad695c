"""Stacks pictures of the same size into one array."""

import numpy as np

from gpt_nas_jax.datasets import layout, pictures
from gpt_nas_jax.types import UsageError

# The largest --data_side to suggest, as usual for ImageNet.
_SIDE = 224


class SameSize:
    """Collects pictures and their sizes.

    As soon as sizes differ, only the sizes are kept, to save memory.
    """

    def __init__(self) -> None:
        self._pictures: list[np.ndarray] = []
        # By width and height: the count and the name of the first.
        self._sizes: dict[tuple[int, int], tuple[int, str]] = {}

    def add(self, name: str, picture: np.ndarray) -> None:
        """Adds a picture, ``uint8[H, W, C]``."""
        height, width, _ = picture.shape
        count, first = self._sizes.get((width, height), (0, name))
        self._sizes[width, height] = count + 1, first
        self._pictures.append(picture)
        if len(self._sizes) > 1:
            self.drop()

    def drop(self) -> None:
        """Drops the pictures."""
        self._pictures.clear()

    def stacked(self, where: str) -> np.ndarray:
        """Stacks all pictures in order, ``uint8[N, H, W, C]``.

        Args:
          where: they come from, for the message.

        Raises:
          UsageError: their sizes differ.
        """
        if len(self._sizes) == 1:
            return pictures.stack(self._pictures)
        common = sorted(self._sizes.items(), key=lambda item: -item[1][0])
        each = [
            f"{count} of {width}x{height} ({first})"
            for (width, height), (count, first) in common
        ]
        side = min(_SIDE, *(min(size) for size in self._sizes))
        raise UsageError(
            f"the pictures in {where} are of {len(self._sizes)} sizes: "
            f"{layout.listed(each)}; pass --data_side=N to crop all to NxN, for "
            f"instance --data_side={side}"
        )
