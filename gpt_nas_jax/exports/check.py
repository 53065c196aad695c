"""A file's answers held against those of the network that it was made of."""

import dataclasses

import numpy as np

# Of logits, or of their size where they are larger than 1: float32 computed in
# another order.
_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How near two outputs are to each other.

    Attributes:
      images: how many there were.
      equal: how many have the same answer.
      difference: the largest of logits.
      size: the largest of the expected logits.
    """

    images: int
    equal: int
    difference: float
    size: float

    def holds(self) -> bool:
        """Whether all answers are the same, and logits but for rounding."""
        near = self.difference <= _TOLERANCE * max(1.0, self.size)
        return near and self.equal == self.images

    def __str__(self) -> str:
        return (
            f"{self.equal} of {self.images} answers equal, largest difference of "
            f"logits {self.difference:.1e}"
        )


def agreement(expected: np.ndarray, found: np.ndarray) -> Agreement:
    """Compares logits ``[N, K]`` of the same images."""
    # Of what is no number, no comparison is true.
    difference = np.abs(expected.astype(np.float64) - found)
    same = expected.argmax(-1) == found.argmax(-1)
    return Agreement(
        len(expected),
        int(same.sum()),
        float(difference.max()),
        float(abs(expected).max()),
    )
