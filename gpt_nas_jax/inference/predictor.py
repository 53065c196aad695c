"""Predictions of a trained network on arrays and pictures."""

import dataclasses
import numbers
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gpt_nas_jax.datasets import preparation
from gpt_nas_jax.datasets.pictures import UnreadableError
from gpt_nas_jax.datasets.preparation import Preparation
from gpt_nas_jax.types import UsageError

Asked = np.ndarray | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""Images as one array, a picture, a folder of pictures, or several of these."""


class Predictions(NamedTuple):
    """The predictions of a network for N images.

    Attributes:
      names: of the most probable class of each image.
      probabilities: ``float64[N, K]`` of the K classes.
    """

    names: tuple[str, ...]
    probabilities: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """Numbers of the most probable classes, ``int64[N]``."""
        return self.probabilities.argmax(-1)


@dataclasses.dataclass(frozen=True)
class Answer:
    """The prediction for one picture, or why there is none.

    Attributes:
      path: of the picture.
      best: its most probable classes with their probabilities, best first.
      reason: why it could not be read, else None.
    """

    path: Path
    best: tuple[tuple[str, float], ...] = ()
    reason: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Predictor:
    """A network and the preparation of its images.

    Attributes:
      logits: ``uint8[B, H, W, C]`` to ``float[B, K]``.
      preparation: of the images.
      classes: K names, in the order of the logits.
      batch: default batch size.
    """

    logits: Callable[[np.ndarray], np.ndarray]
    preparation: Preparation
    classes: tuple[str, ...]
    batch: int

    def predict(self, asked: Asked, batch: int | None = None) -> Predictions:
        """Predicts classes and probabilities of images.

        Args:
          asked: ``uint8[N, H, W, C]``, or paths of pictures and of folders of them.
          batch: batch size.

        Raises:
          UsageError: the images differ from those of the training in type, range or
            shape, or from each other in size; a picture cannot be read; the batch is
            no positive integer.
        """
        if isinstance(asked, Iterator):
            asked = list(asked)
        if not isinstance(asked, str | os.PathLike) and not _are_paths(asked):
            pixels = self.preparation.accepted(_array(asked))
        else:
            pixels = np.stack([self.preparation.read(path) for path in _found(asked)])
        probabilities = _softmax(self._logits(pixels, self._size(len(pixels), batch)))
        names = tuple(self.classes[label] for label in probabilities.argmax(-1))
        return Predictions(names, probabilities)

    def answers(
        self, paths: Sequence[Path], count: int = 5, batch: int | None = None
    ) -> Iterator[Answer]:
        """Yields an `Answer` for each picture in order, predicting in batches."""
        size = self._size(len(paths), batch)
        for begin in range(0, len(paths), size):
            read = [self._read(path) for path in paths[begin : begin + size]]
            pixels = [one for one in read if isinstance(one, np.ndarray)]
            rows = iter(
                _softmax(self._logits(np.stack(pixels), size)) if pixels else ()
            )
            for path, one in zip(paths[begin : begin + size], read, strict=True):
                if isinstance(one, UnreadableError):
                    yield Answer(path, reason=one.reason)
                else:
                    yield Answer(path, self._best(next(rows), count))

    def _read(self, path: Path) -> np.ndarray | UnreadableError:
        try:
            return self.preparation.read(path)
        except UnreadableError as error:
            return error

    def _best(
        self, probabilities: np.ndarray, count: int
    ) -> tuple[tuple[str, float], ...]:
        order = np.argsort(-probabilities, kind="stable")[:count]
        return tuple((self.classes[at], float(probabilities[at])) for at in order)

    def _size(self, count: int, batch: int | None) -> int:
        """The batch size; for few images a power of two, so that few sizes compile."""
        if batch is None:
            return min(self.batch, 1 << (count - 1).bit_length())
        whole = isinstance(batch, numbers.Integral) and not isinstance(batch, bool)
        if not whole or batch < 1:
            raise UsageError(f"batch is {batch!r}; give a whole number, 1 or more")
        return batch

    def _logits(self, pixels: np.ndarray, size: int) -> np.ndarray:
        """Logits ``float[N, K]``; the last batch is padded to full size."""
        rows = np.arange(-(-len(pixels) // size) * size).reshape(-1, size)
        chosen = np.minimum(rows, len(pixels) - 1)
        logits = [np.asarray(self.logits(pixels[part])) for part in chosen]
        return np.concatenate(logits)[: len(pixels)]


def _are_paths(asked: Asked) -> bool:
    if isinstance(asked, np.ndarray) or not isinstance(asked, Iterable):
        return False
    return all(isinstance(one, str | os.PathLike) for one in asked)


def _array(asked: Any) -> np.ndarray:
    """Images as an array.

    Raises:
      UsageError: they differ in size, or some are no arrays.
    """
    try:
        return np.asarray(asked)
    except ValueError as error:
        raise UsageError(
            "images differ in size, or some are no arrays; give images of one size as "
            "one array uint8[N, H, W, C], or paths only"
        ) from error


def _found(asked: Asked) -> list[Path]:
    """The pictures of a path or of several.

    Raises:
      UsageError: there are none.
    """
    each = [asked] if isinstance(asked, str | os.PathLike) else list(asked)
    if not each:
        raise UsageError("no picture is given")
    return [path for one in each for path in preparation.found(one)]


def _softmax(logits: np.ndarray) -> np.ndarray:
    # In float64, so that unequal logits stay unequal.
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
