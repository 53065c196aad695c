"""Pictures of a folder, streamed from disk batch by batch."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from gpt_nas_jax.datasets import pictures, streams
from gpt_nas_jax.datasets.streams import Plan
from gpt_nas_jax.datasets.survey import Facts
from gpt_nas_jax.types import DataError

_FEW = 64


@dataclasses.dataclass(frozen=True, eq=False)
class PictureFiles:
    """Pictures in separate files, with their classes.

    They are decoded like those in memory, so that training on either is the same.

    Attributes:
      paths: ``bytes[N]``, from `survey.encoded`.
      labels: ``int32[N]``.
      facts: of the pictures.
      side: pixels that the short sides are resized to; 0 for no resizing.
      size: height, width and channels of each image.
      workers: processes that decode; 0 for a thread of this one.
    """

    paths: np.ndarray
    labels: np.ndarray
    facts: Facts
    side: int
    size: tuple[int, int, int]
    workers: int
    whole: ClassVar[bool] = True
    """See `StoredImages`."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "PictureFiles":
        """The pictures at ``indices`` (``int[M]``), in that order."""
        return dataclasses.replace(
            self,
            paths=self.paths[indices],
            labels=self.labels[indices],
            facts=self.facts.take(indices),
        )

    def pixels(self) -> np.ndarray:
        """All pictures, ``uint8[N, H, W, C]``; meant for a few."""
        source = _Pictures(self.paths, self.side, self.size)
        return np.concatenate(list(streams.batches(source, _FEW, 0)))

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation per channel, ``float32[C]`` each; decodes nothing."""
        return self.facts.moments(self.size[-1])

    def highest(self) -> int:
        """Value of the brightest pixel."""
        return self.facts.highest

    def plain(self, batch: int) -> Iterator[np.ndarray]:
        """All pictures in order, ``uint8[batch, H, W, C]`` at a time."""
        source = _Pictures(self.paths, self.side, self.size)
        return streams.batches(source, batch, self.workers)

    def augmented(
        self, batch: int, plan: Plan, flip: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The pictures of a plan with their classes, whole, batch by batch.

        Each batch is ``uint8[batch, H, W, C]`` and ``int32[batch]``.
        """
        source = _Planned(
            _Pictures(self.paths, self.side, self.size), self.labels, plan
        )
        return streams.batches(source, batch, self.workers)


@dataclasses.dataclass(frozen=True, eq=False)
class _Pictures:
    """Random access to pictures, also from worker processes."""

    paths: np.ndarray
    side: int
    size: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        path = pathlib.Path(os.fsdecode(self.paths[index].item()))
        pixels = pictures.read(path, self.side)
        if pixels.shape[:2] != self.size[:2] or pixels.shape[2] > self.size[2]:
            raise DataError(
                f"{path} is not the picture that it was when the run began; start the "
                "same command again"
            )
        # A greyscale picture among colour ones.
        return np.broadcast_to(pixels, self.size)


@dataclasses.dataclass(frozen=True, eq=False)
class _Planned:
    """Random access to the pictures of a plan, with their classes."""

    pictures: _Pictures
    labels: np.ndarray
    plan: Plan

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.int32]:
        image, _ = self.plan[index]
        return self.pictures[image], self.labels[image]
