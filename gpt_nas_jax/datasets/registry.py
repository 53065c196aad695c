"""The data sets by name: built-in, prepared by TFDS, or user-defined."""

import dataclasses
import functools
import os
from collections.abc import Callable

from gpt_nas_jax import plugins
from gpt_nas_jax.config import TFDS
from gpt_nas_jax.datasets import arrays, digits, folder, prepared
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.datasets.location import is_on_store, located
from gpt_nas_jax.datasets.plugged import accepted
from gpt_nas_jax.datasets.source import Progress, Source, silent
from gpt_nas_jax.types import UsageError

Loader = Callable[[Source], Dataset]
"""The function of a name, or of a user's ``module:Name``."""


def _imagenet2012(source: Source) -> Dataset:
    # Importing Grain takes a second, which only this data set should cost.
    from gpt_nas_jax.datasets import imagenet

    return imagenet.load(source)


LOADERS: dict[str, Loader] = {
    "digits": digits.load,
    "cifar10": functools.partial(prepared.load, "cifar10"),
    "cifar100": functools.partial(prepared.load, "cifar100"),
    "imagenet2012": _imagenet2012,
    "folder": folder.load,
    "npz": arrays.load,
}

_ON_A_DISK = ("folder", "npz")
"""Data sets that can only be read from disk."""


def load(
    name: str,
    data_dir: str | os.PathLike[str] = "",
    *,
    side: int = 0,
    flip: str = "auto",
    workers: int = 0,
    progress: Progress = silent,
    skip_unreadable: bool = False,
    stream: str = "auto",
) -> Dataset:
    """Loads the data set ``name``, from ``data_dir`` unless it needs no files.

    Args:
      name: of `LOADERS`; ``tfds:NAME`` for data prepared by TensorFlow Datasets; or
        ``module:Name``, the import path of a user-defined loader.
      data_dir: its folder or file; ``gs://...`` for data that TFDS has prepared there.
      side: of resized images, in pixels; 0 for the default.
      flip: ``yes`` or ``no``: whether a mirrored image keeps its label; ``auto``: as
        the data set says.
      workers: processes that decode a streamed data set; 0 for none.
      progress: displays the progress of long reads.
      skip_unreadable: whether to skip unreadable pictures.
      stream: ``yes`` or ``no``: whether pictures of a folder stay on disk; ``auto``: by
        their size.

    Raises:
      UsageError: the name is unknown, ``data_dir`` does not hold the data set, or a
        user's loader fails or returns an invalid data set.
    """
    path = located(data_dir)
    if is_on_store(path) and name in _ON_A_DISK:
        raise UsageError(
            f"--data_dir={path} is a URL, and {name} is read from a disk; copy it there"
        )
    source = Source(path, side, workers, progress, skip_unreadable, stream)
    dataset = _loader(name)(source)
    if flip == "auto":
        return dataset
    return dataclasses.replace(dataset, flip=flip == "yes")


def _loader(name: str) -> Loader:
    if name.startswith(TFDS):
        return functools.partial(prepared.load, name.removeprefix(TFDS))
    if plugins.is_path(name):
        return functools.partial(_plugged, name)
    if name not in LOADERS:
        raise UsageError(
            f"unknown data set {name!r}; choose one of {', '.join(LOADERS)}, "
            f"{TFDS}NAME or module:Name"
        )
    return LOADERS[name]


def _plugged(name: str, source: Source) -> Dataset:
    """Calls a user's loader and checks the data set that it returns."""
    where = f"--data_name={name}"
    loader = plugins.load("--data_name", name)
    if not callable(loader):
        raise UsageError(
            f"{where} is {type(loader).__name__}, not a function of a Source"
        )
    plugins.require_call(where, loader, "one argument, the Source", positional=1)
    return accepted(where, plugins.called(where, loader, source))
