"""Comparison of an exported file's outputs with those of its network."""

import dataclasses

import numpy as np

# Absolute for logits up to 1, relative for larger ones: float32 in another order.
_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How closely two outputs agree.

    Attributes:
      images: number of images.
      equal: number of images with the same predicted class.
      difference: the largest between logits.
      size: the largest magnitude of the expected logits.
    """

    images: int
    equal: int
    difference: float
    size: float

    def holds(self) -> bool:
        """Whether all predicted classes agree, and logits up to rounding."""
        near = self.difference <= _TOLERANCE * max(1.0, self.size)
        return near and self.equal == self.images

    def __str__(self) -> str:
        return (
            f"{self.equal} of {self.images} answers equal, largest difference of "
            f"logits {self.difference:.1e}, largest logit {self.size:.1f}"
        )


def agreement(expected: np.ndarray, found: np.ndarray) -> Agreement:
    """Compares logits ``[N, K]`` of the same images."""
    # No comparison with nan is true.
    difference = np.abs(expected.astype(np.float64) - found)
    same = expected.argmax(-1) == found.argmax(-1)
    return Agreement(
        len(expected),
        int(same.sum()),
        float(difference.max()),
        float(abs(expected).max()),
    )
