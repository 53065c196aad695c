"""The data sets by name: built in, prepared by TFDS, or a user's own."""

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
"""The function that a name, or a user's ``module:Name``, stands for."""


def _imagenet2012(source: Source) -> Dataset:
    # Importing Grain takes a second, which other data sets need not wait.
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
"""Data sets that are read from a disk alone."""


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
    """Loads the data set ``name``; those not built in are read from ``data_dir``.

    Args:
      name: of `LOADERS`; ``tfds:NAME`` for what TensorFlow Datasets has prepared; or
        ``module:Name``, the import path of a user's own loader.
      data_dir: where it lies; ``gs://...`` for what TFDS has prepared there.
      side: of the images in pixels where they are resized; 0 for the default.
      flip: ``yes`` or ``no``: whether a mirrored image keeps its label; ``auto``: as
        the data set says.
      workers: processes that decode a data set that is streamed; 0 for none.
      progress: shows how far the reading is where it can take minutes.
      skip_unreadable: whether pictures that cannot be read are left out.
      stream: ``yes`` or ``no``: whether pictures of a folder stay on disk; ``auto``: by
        their size.

    Raises:
      UsageError: the name is unknown, ``data_dir`` does not hold the data set, or a
        user's loader fails or returns what is no data set.
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
    """Calls a user's loader and holds what it returns to the contract."""
    where = f"--data_name={name}"
    loader = plugins.load("--data_name", name)
    if not callable(loader):
        raise UsageError(
            f"{where} is {type(loader).__name__}, not a function of a Source"
        )
    plugins.require_call(where, loader, "one argument, the Source", positional=1)
    return accepted(where, plugins.called(where, loader, source))
