"""Checks of a data set from user code."""

import dataclasses
from typing import Any

import numpy as np

from gpt_nas_jax.datasets import labelled
from gpt_nas_jax.datasets.images import Dataset, Images, ImageSet
from gpt_nas_jax.types import UsageError

_STREAM = (
    *("labels", "size", "take", "pixels", "moments", "highest"),
    *("plain", "augmented", "whole", "__len__"),
)
"""Required attributes of parts other than `Images`; see `streams.StoredImages`."""


def accepted(where: str, found: Any) -> Dataset:
    """Checks a data set before it is used.

    Args:
      where: the setting that names its loader, for messages.
      found: what the loader returned.

    Returns:
      The data set with labels as ``int32``.

    Raises:
      UsageError: it is not a `Dataset`, or one of its fields is invalid.
    """
    if not isinstance(found, Dataset):
        raise UsageError(
            f"{where} returned {type(found).__name__}, not gpt_nas_jax.datasets.Dataset"
        )
    count = found.num_classes
    if not isinstance(count, int | np.integer) or count < 2:
        raise UsageError(f"{where}: num_classes is {count!r}; give 2 or more")
    if not isinstance(found.flip, bool):
        raise UsageError(f"{where}: flip is {found.flip!r}; give True or False")
    _check_classes(where, found.classes, int(count))
    parts = {
        name: _part(f"{where}: {name}", getattr(found, name), int(count))
        for name in ("train", "test")
    }
    train, test = parts["train"], parts["test"]
    if train.size != test.size:
        raise UsageError(
            f"{where}: images of train are {_shape(train)}, of test {_shape(test)}; "
            "give all one size"
        )
    if len(np.unique(train.labels)) < 2:
        raise UsageError(
            f"{where}: all labels of train are of one class; two or more are needed"
        )
    return dataclasses.replace(found, num_classes=int(count), **parts)


def _check_classes(where: str, classes: Any, count: int) -> None:
    named = isinstance(classes, tuple) and all(isinstance(c, str) for c in classes)
    if not named or len(classes) not in (0, count):
        raise UsageError(
            f"{where}: classes is {classes!r:.80}; give a tuple of {count} names, or ()"
        )


def _part(where: str, part: Any, count: int) -> ImageSet:
    if isinstance(part, Images):
        labelled.check(where, part.images, part.labels, count)
        return Images(part.images, part.labels.astype(np.int32))
    missing = [name for name in _STREAM if not hasattr(part, name)]
    if missing:
        lacks = f"; as a stream it lacks {', '.join(missing)}"
        # Other objects share a name or two with streams.
        nearly = 2 * len(missing) < len(_STREAM)
        raise UsageError(
            f"{where} is {type(part).__name__}, not gpt_nas_jax.datasets.Images"
            f"{lacks if nearly else ''}"
        )
    labelled.check_labels(where, part.labels, len(part), count)
    return part


def _shape(part: ImageSet) -> str:
    return "x".join(map(str, part.size))
