"""Accuracies of trained initial networks, for Tables IV and V and Figure 2."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gpt_nas_jax.config import Config
from gpt_nas_jax.reports.paper import published
from gpt_nas_jax.types import UsageError

DAY = 86400
"""Seconds in a day."""


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """The trainings that a table needs of each of its networks.

    Attributes:
      rates: elimination rates; 0 leaves a network as it was drawn.
      trained_blocks: ``proposed``, ``all`` or both.
      epochs: after which validation accuracy is measured, ascending; a training ends
        after the last, which is ``--eval_epochs``.
    """

    rates: tuple[float, ...]
    trained_blocks: tuple[str, ...]
    epochs: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """The accuracies that the trainings of a plan reached.

    Attributes:
      plan: the trainings.
      accuracies: ``float64[seeds, networks, rates, trained_blocks, epochs]`` in
        [0, 1]; all nan for a network with a failed training.
      failed: number of such networks, which are left out, over all seeds.
      days: device-days of the trainings.
      images: number of images that an accuracy is measured on.
      dataset: its name, as the paper's tables have it.
    """

    plan: TrainingPlan
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
        """The same for all seeds together."""
        return np.concatenate(list(map(self.networks, range(len(self.accuracies)))))


def of_records(
    config: Config,
    plan: TrainingPlan,
    records: Sequence[Mapping[str, Any]],
    images: int,
) -> Measured:
    """Gathers the accuracies of a complete ledger of trainings.

    Args:
      config: of the run.
      plan: the trainings.
      records: lines of the ledger, by seed, network, rate and trained blocks.
      images: number of images that an accuracy is measured on.

    Raises:
      UsageError: fewer than two networks of a repetition could be trained.
    """
    settings = config.tables
    nothing = [np.nan] * len(plan.epochs)
    found = np.array([record["accuracy"] or nothing for record in records])
    found = found.reshape(
        settings.seeds,
        settings.networks,
        len(plan.rates),
        len(plan.trained_blocks),
        len(plan.epochs),
    )
    whole = np.isfinite(found).all((2, 3, 4))
    if whole.sum(1).min() < 2:
        reasons = {record["reason"] for record in records} - {None}
        raise UsageError(
            "fewer than two networks of a repetition could be trained; one failed "
            f"with: {min(reasons)}"
        )
    # Lines of earlier versions have only the seconds.
    seconds = sum(record.get("device_seconds", record["seconds"]) for record in records)
    return Measured(
        plan,
        found,
        int((~whole).sum()),
        seconds / DAY,
        images,
        published.dataset(config.data),
    )
