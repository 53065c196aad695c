"""A format of files, and what it is given."""

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
"""Images ``[B, H, W, C]`` to ``float32[B, K]``."""


@dataclasses.dataclass(frozen=True, eq=False)
class Opened:
    """A file that was read, as its user would ask it.

    Attributes:
      call: its own function.
      pixels: whether it takes ``uint8`` pixels; else normalised ``float32``.
      images: how many it can be asked about to be checked; few where it is slow.
    """

    call: Logits
    pixels: bool = True
    images: int = 256

    def of_pixels(self, preparation: Preparation) -> Logits:
        """A function of ``uint8`` pixels."""
        if self.pixels:
            return self.call
        mean, std = preparation.moments
        return lambda images: self.call(np.asarray(normalise(images, mean, std)))


@dataclasses.dataclass(frozen=True, eq=False)
class Order:
    """A request for files.

    Attributes:
      network: with its weights.
      title: one line on it.
      platforms: that a compiled file runs on.
      pixels: whether files take ``uint8`` pixels; else normalised ``float32``.
    """

    network: SavedNetwork
    title: str
    platforms: tuple[str, ...]
    pixels: bool

    def function(self, images: jax.Array) -> jax.Array:
        """The logits of a batch of what files take, to be traced."""
        x = images
        if self.pixels:
            x = normalise(images, *self.network.preparation.moments)
        logits: jax.Array = self.network.chain.apply(self.network.variables, x, False)
        return logits


@dataclasses.dataclass(frozen=True)
class Format:
    """A value of ``--export_formats``.

    Attributes:
      files: names of all that it writes, what is opened first.
      packages: that writing and checking take, as they are imported, and what pip
        installs.
      write: the contents of the files.
      read: reads a file again.
    """

    files: tuple[str, ...]
    packages: Mapping[str, str]
    write: Callable[[Order], Mapping[str, bytes]]
    read: Callable[[Path], Opened]

    def require(self, name: str) -> None:
        """Raises UsageError where a package is missing."""
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
