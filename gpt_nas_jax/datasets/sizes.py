"""Pictures that must be of one size to become one array."""

import numpy as np

from gpt_nas_jax.datasets import layout, pictures
from gpt_nas_jax.types import UsageError

# What --data_side is suggested at most, as usual for ImageNet.
_SIDE = 224


class SameSize:
    """Collects pictures and the sizes that they are of.

    Those of several sizes are of no use and may be large: only their sizes are kept.
    """

    def __init__(self) -> None:
        self._pictures: list[np.ndarray] = []
        # Width and height to how many there are and the name of the first.
        self._sizes: dict[tuple[int, int], tuple[int, str]] = {}

    def add(self, name: str, picture: np.ndarray) -> None:
        """Takes one more picture, ``uint8[H, W, C]``."""
        height, width, _ = picture.shape
        count, first = self._sizes.get((width, height), (0, name))
        self._sizes[width, height] = count + 1, first
        self._pictures.append(picture)
        if len(self._sizes) > 1:
            self.drop()

    def drop(self) -> None:
        """Lets go of the pictures."""
        self._pictures.clear()

    def stacked(self, where: str) -> np.ndarray:
        """All pictures in the order they came, ``uint8[N, H, W, C]``.

        Args:
          where: they come from, for the message.

        Raises:
          UsageError: they are of several sizes.
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
            f"{layout.listed(each)}; pass --data_side=N to cut all to NxN, for "
            f"instance --data_side={side}"
        )
