"""An export format, its input and its output."""

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np

from gpt_nas_jax.datasets.augment import normalise
from gpt_nas_jax.datasets.preparation import Preparation
from gpt_nas_jax.inference.saved import SavedNetwork
from gpt_nas_jax.types import UsageError

Logits = Callable[[np.ndarray], np.ndarray]
"""Maps images ``[B, H, W, C]`` to logits ``float32[B, K]``."""


@dataclasses.dataclass(frozen=True, eq=False)
class Opened:
    """An exported file, loaded as its user would load it.

    Attributes:
      call: the function that it holds.
      pixels: whether it takes ``uint8`` pixels; else normalised ``float32``.
      images: number of images to check it on; few if it is slow.
    """

    call: Logits
    pixels: bool = True
    images: int = 256

    def of_pixels(self, preparation: Preparation) -> Logits:
        """The logits as a function of ``uint8`` pixels."""
        if self.pixels:
            return self.call
        mean, std = preparation.moments
        return lambda images: self.call(np.asarray(normalise(images, mean, std)))


@dataclasses.dataclass(frozen=True, eq=False)
class Order:
    """A request for an export.

    Attributes:
      network: with its weights.
      title: one line that describes it.
      platforms: those that a compiled file runs on.
      pixels: whether files take ``uint8`` pixels; else normalised ``float32``.
    """

    network: SavedNetwork
    title: str
    platforms: tuple[str, ...]
    pixels: bool

    def function(self, images: jax.Array) -> jax.Array:
        """The logits of a batch of the files' inputs, to be traced."""
        x = images
        if self.pixels:
            x = normalise(images, *self.network.preparation.moments)
        logits: jax.Array = self.network.chain.apply(self.network.variables, x, False)
        return logits


@dataclasses.dataclass(frozen=True)
class Format:
    """A value of ``--export_formats``.

    Attributes:
      files: names of all that it writes; the first is the one to open.
      packages: those needed to write and check, from import names to pip
        requirements.
      write: the contents of the files.
      read: loads a file.
    """

    files: tuple[str, ...]
    packages: Mapping[str, str]
    write: Callable[[Order], Mapping[str, bytes]]
    read: Callable[[Path], Opened]

    def require(self, name: str) -> None:
        """Raises UsageError if a package is missing."""
        missing = [
            wanted
            for package, wanted in self.packages.items()
            if importlib.util.find_spec(package) is None
        ]
        if missing:
            raise UsageError(
                f"--export_formats={name} needs {' and '.join(missing)}; run: pip "
                f"install {' '.join(missing)}"
            )
