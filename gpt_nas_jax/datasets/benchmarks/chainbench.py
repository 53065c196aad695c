"""chainbench: chains of the paper's blocks, trained on downscaled CIFAR-10.

The file holds the results of the trainings and the weights of an ensemble that predicts
the accuracy of any other chain, made by ``launch/chainbench/fit.py``.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gpt_nas_jax.datasets.benchmarks import compact
from gpt_nas_jax.datasets.benchmarks.compact import ANY, N
from gpt_nas_jax.types import UsageError

LEAST_R2, LEAST_TAU = 0.8, 0.7
"""An ensemble that predicts held-out chains worse than this is rejected."""

SPACE = {
    "image": (16, 16, 3),
    "num_classes": 10,
    "min_depth": 4,
    "max_depth": 10,
    "width": 16,
    "num_stages": 3,
}
"""Arguments of `BlockSpace` for the space of its chains."""

_COLUMNS: Mapping[str, compact.Column] = {
    "genomes": (np.int8, (N, SPACE["max_depth"])),
    "accuracy": (np.float32, (N,)),
    "keys": (np.int8, (N,)),
    "weights": (np.float32, (ANY, ANY)),
    "quality": (np.float64, (4,)),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Chainbench:
    """The contents of the file.

    Attributes:
      genomes: ``int8[N, L]``, distinct chains.
      accuracy: ``float32[N]``, on validation images in [0, 1], mean over trainings.
      keys: ``int8[N]``, number of trainings.
      weights: ``float32[M, N]``, of the ensemble.
      noise: standard deviation of a training's accuracy over keys.
      r2: of the ensemble's predictions for held-out chains.
      tau: Kendall's, likewise.
      held_out: number of chains these two are measured on.
    """

    genomes: np.ndarray
    accuracy: np.ndarray
    keys: np.ndarray
    weights: np.ndarray
    noise: float
    r2: float
    tau: float
    held_out: int


def read(path: Path) -> Chainbench:
    """Reads a file written by `to_bytes`.

    Raises:
      UsageError: it cannot be read, is damaged or of another kind, or its ensemble is
        not good enough.
    """
    columns = compact.read(path, "chainbench", _COLUMNS)
    noise, r2, tau, held_out = columns.pop("quality").tolist()
    found = Chainbench(**columns, noise=noise, r2=r2, tau=tau, held_out=int(held_out))
    check(found)
    return found


def check(found: Chainbench) -> None:
    """Raises UsageError if the ensemble is not good enough to compare searches."""
    if found.r2 < LEAST_R2 or found.tau < LEAST_TAU:
        raise UsageError(
            f"chainbench: on {found.held_out} held-out chains the ensemble has R2 "
            f"{found.r2:.3f} and Kendall's tau {found.tau:.3f}, less than {LEAST_R2} "
            f"and {LEAST_TAU}; train more chains"
        )


def to_bytes(found: Chainbench) -> bytes:
    """Serialises the contents; `read` reads them."""
    quality = np.array([found.noise, found.r2, found.tau, found.held_out], np.float64)
    columns = {
        name: getattr(found, name).astype(kind)
        for name, (kind, _) in _COLUMNS.items()
        if name != "quality"
    }
    return compact.to_bytes(columns | {"quality": quality})
