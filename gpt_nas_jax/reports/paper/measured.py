"""What the trainings behind Tables IV and V and Figure 2 measured."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a table trains of each of its networks.

    Attributes:
      rates: elimination rates; 0 leaves a network as it was drawn.
      trained_blocks: ``proposed``, ``all`` or both.
      epochs: after which validation accuracy is measured, ascending; the last is
        where a training ends, that is ``--eval_epochs``.
    """

    rates: tuple[float, ...]
    trained_blocks: tuple[str, ...]
    epochs: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """What the trainings came to.

    Attributes:
      plan: what was trained.
      accuracies: ``float64[seeds, networks, rates, trained_blocks, epochs]`` in
        [0, 1]; nan throughout a network of which a training failed.
      failed: networks left out for that, of all seeds together.
      days: that the trainings kept a device busy.
      images: how many an accuracy is measured on.
      dataset: its name.
    """

    plan: Plan
    accuracies: np.ndarray
    failed: int
    days: float
    images: int
    dataset: str

    def networks(self, seed: int) -> np.ndarray:
        """``float64[N, rates, trained_blocks, epochs]`` of a seed, without gaps."""
        found = self.accuracies[seed]
        return found[np.isfinite(found).all((1, 2, 3))]

    def pooled(self) -> np.ndarray:
        """The same of all seeds together."""
        return np.concatenate(list(map(self.networks, range(len(self.accuracies)))))
