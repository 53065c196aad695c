"""Prepares pictures and arrays as input of a trained network."""

import dataclasses
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gpt_nas_jax.config import TFDS, DataConfig
from gpt_nas_jax.datasets import layout, pictures
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.datasets.pictures import UnreadableError
from gpt_nas_jax.types import UsageError

_HIGHEST = 255
# Between two scales there is at least this factor.
_OTHER_SCALE = 8
# Brightest pixels of the usual scales other than 0 to 255: of masks and of digits.
# Images brighter than these are merely dark; others may be either.
_LOW_SCALES = (1, 16)
# Levels from `accepted` up to the caller of `Run.predict`, to whom warnings point.
_CALLER = 4


@dataclasses.dataclass(frozen=True)
class Preparation:
    """The image format that a network was trained on, and its normalisation.

    Attributes:
      image: height, width and channels.
      resize: pixels that the short side of a picture is resized to before the central
        ``image`` is cut out; 0 if pictures must have its size.
      highest: highest pixel value of the training images, up to 255.
      mean: per channel, of pixels in [0, 1].
      std: likewise.
      upright: whether pictures are turned as their orientation says.
    """

    image: tuple[int, int, int]
    resize: int
    highest: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    upright: bool

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation, ``float32[C]`` each."""
        return np.array(self.mean, np.float32), np.array(self.std, np.float32)

    def read(self, path: Path) -> np.ndarray:
        """Reads a picture as in training, ``uint8[H, W, C]``.

        Raises:
          UnreadableError: it cannot be read, or has a different size.
        """
        height, width, channels = self.image
        picture = pictures.prepared(path, self.resize, height, channels, self.upright)
        if picture.shape != self.image:
            size = f"{picture.shape[1]}x{picture.shape[0]}"
            raise UnreadableError(
                path, f"it is {size}, the network was trained on {width}x{height}"
            )
        return picture

    def accepted(self, images: np.ndarray) -> np.ndarray:
        """Images as ``uint8[N, H, W, C]``; the last axis may be missing if C is 1.

        Warns if all are so dark that they may be on another scale.

        Raises:
          UsageError: type or shape differs from that of the training images, or pixels
            are far brighter than theirs.
        """
        height, width, channels = self.image
        grey = channels == 1 and images.shape[1:] == (height, width)
        pixels = images[..., None] if grey else images
        wanted = f"uint8[N, {height}, {width}, {channels}], 0 to {self.highest}"
        given = f"images are {images.dtype}{list(images.shape)}{_range(images)}"
        if pixels.ndim != 4 or pixels.shape[1:] != self.image or not len(pixels):
            raise UsageError(f"{given}; the network was trained on {wanted}")
        if pixels.dtype != np.uint8:
            raise UsageError(
                f"{given}; the network was trained on {wanted}: scale them to that and "
                "give images.astype(numpy.uint8)"
            )
        highest = int(pixels.max())
        if highest > _OTHER_SCALE * self.highest:
            raise UsageError(
                f"{given}; the network was trained on {wanted}: scale them to that"
            )
        if any(
            highest <= scale and scale * _OTHER_SCALE < self.highest
            for scale in _LOW_SCALES
        ):
            warnings.warn(
                f"{given}; the network was trained on {wanted}: unless they are dark, "
                "scale them to that",
                stacklevel=_CALLER,
            )
        return pixels

    def to_json(self) -> dict[str, Any]:
        """The entry ``prepare`` of ``architecture.json``."""
        height, width, channels = self.image
        return {
            "resize": self.resize or None,
            "cut": [height, width] if self.resize else None,
            "channels": channels,
            "upright": self.upright,
            "highest": self.highest,
            "mean": list(self.mean),
            "std": list(self.std),
        }


def of(config: DataConfig, dataset: Dataset) -> Preparation:
    """The preparation that a data set's images went through."""
    train = dataset.train
    mean, std = train.moments()
    return Preparation(
        train.size,
        dataset.side or _resize(config, train.size[0]),
        train.highest(),
        tuple(mean.tolist()),
        tuple(std.tolist()),
        _upright(config),
    )


def from_architecture(
    description: Mapping[str, Any], config: DataConfig
) -> Preparation:
    """Restores the result of `of`.

    Args:
      description: ``architecture.json``; earlier versions have no ``prepare``.
      config: of the run, from which a missing ``prepare`` is derived.

    Raises:
      UsageError: image size, mean or deviation is missing.
    """
    missing = [n for n in ("image", "mean", "std") if n not in description]
    if missing:
        raise UsageError(
            f"architecture.json lacks {' and '.join(missing)}, by which images are "
            "prepared; run the same command again to rewrite it"
        )
    height, width, channels = description["image"]
    kept = description.get("prepare")
    resize = _resize(config, height) if kept is None else kept["resize"] or 0
    return Preparation(
        (height, width, channels),
        resize,
        _HIGHEST if kept is None else kept["highest"],
        tuple(description["mean"]),
        tuple(description["std"]),
        (kept or {}).get("upright", _upright(config)),
    )


def _resize(config: DataConfig, side: int) -> int:
    """The resizing of built-in data sets; 0 for user-defined loaders."""
    if config.name == "imagenet2012":
        return pictures.short_side(side)
    resized = config.name == "folder" or config.name.startswith(TFDS)
    return config.side if resized else 0


def _upright(config: DataConfig) -> bool:
    """Whether the data set's pictures were turned; those of TFDS keep their pixels."""
    return config.name != "imagenet2012" and not config.name.startswith(TFDS)


def _range(images: np.ndarray) -> str:
    if not images.size or images.dtype.kind not in "biuf":
        return ""
    return f" from {images.min():g} to {images.max():g}"


def found(files: str | os.PathLike[str]) -> list[Path]:
    """The file itself, or all pictures below a folder, by name.

    Raises:
      UsageError: there is no such file or folder, or no picture in it.
    """
    path = Path(os.path.expanduser(files))
    if os.path.isfile(path):
        return [path]
    if not os.path.isdir(path):
        raise UsageError(f"{path} is neither a picture nor a folder of pictures")
    below = layout.pictures_below(path)
    if not below:
        raise UsageError(f"{path} holds no picture ({' '.join(pictures.suffixes())})")
    return below
