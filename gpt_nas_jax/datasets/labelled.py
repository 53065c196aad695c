"""Checks of labelled images from user code."""

from typing import Any

import numpy as np

from gpt_nas_jax.types import UsageError


def check(where: str, images: Any, labels: Any, num_classes: int) -> None:
    """Raises UsageError unless these are images with their classes.

    Args:
      where: they come from, for the message.
      images: ``uint8[N, H, W, C]``, no dimension 0.
      labels: integers ``[N]``, 0 to ``num_classes - 1``.
      num_classes: number of classes.
    """
    _check_array(where, "images", images)
    if images.dtype != np.uint8 or images.ndim != 4 or 0 in images.shape:
        raise UsageError(
            f"{where}: images are {images.dtype}{list(images.shape)}; give uint8"
            "[N, H, W, C], 0 to 255"
        )
    check_labels(where, labels, len(images), num_classes)


def check_labels(where: str, labels: Any, count: int, num_classes: int) -> None:
    """Raises UsageError unless these are the classes of ``count`` images."""
    _check_array(where, "labels", labels)
    if labels.dtype.kind not in "iu" or labels.shape != (count,) or not count:
        raise UsageError(
            f"{where}: labels are {labels.dtype}{list(labels.shape)}; give integers "
            f"[{count or 'N'}], one for each image"
        )
    low, high = labels.min(), labels.max()
    if not 0 <= low <= high < num_classes:
        raise UsageError(
            f"{where}: labels go from {low} to {high}; give 0 to {num_classes - 1}, "
            f"the {num_classes} classes"
        )


def _check_array(where: str, name: str, value: Any) -> None:
    if not isinstance(value, np.ndarray):
        raise UsageError(
            f"{where}: {name} are {type(value).__name__}; give a NumPy array"
        )
