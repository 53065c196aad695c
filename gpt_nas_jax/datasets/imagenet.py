"""ImageNet (ILSVRC 2012) as prepared by TFDS, streamed from disk."""

import contextlib
import hashlib
import json
import pathlib

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.datasets import location, prepared
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.datasets.source import Progress, Source
from gpt_nas_jax.datasets.streams import Records, StoredImages
from gpt_nas_jax.types import UsageError

NAME = "imagenet2012"
_SIDE = 224
# Of the pixels of its training images; the usual values.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


def load(source: Source) -> Dataset:
    """Opens ``<data_dir>/imagenet2012/<version>``, with validation images as test part.

    All labels are read once, which takes minutes, and cached in
    ``$XDG_CACHE_HOME/gpt_nas_jax_labels`` or ``~/.cache``.

    Decoded images have a side of 224 pixels unless the source says otherwise.

    Raises:
      UsageError: the directory is missing, incomplete or damaged.
    """
    directory = prepared.find(NAME, source.dir)
    try:
        num_classes = _num_classes(directory)
        classes = prepared.class_names(directory, num_classes)
        train, test = (
            _images(directory, part, source) for part in ("train", "validation")
        )
        highest = max(train.labels.max(), test.labels.max())
        lowest = min(train.labels.min(), test.labels.min())
        if not 0 <= lowest <= highest < num_classes:
            raise ValueError(f"labels go from {lowest} to {highest}")
        if len(np.unique(train.labels)) < 2:
            raise ValueError("all training images are of one class")
    except UsageError:
        raise
    # ArrayRecord has no error class of its own.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"cannot read {directory}: {reason}; prepare {NAME} again with: "
            f"{prepared.command(NAME, source.dir)}"
        ) from error
    return Dataset(NAME, num_classes, train, test, flip=True, classes=classes)


def _num_classes(directory: pathlib.Path) -> int:
    features = json.loads((directory / "features.json").read_text(encoding="utf-8"))
    label = features["featuresDict"]["features"]["label"]
    return int(label["classLabel"]["numClasses"])


def _images(directory: pathlib.Path, part: str, source: Source) -> StoredImages:
    files = sorted(directory.glob(f"{NAME}-{part}.array_record-*-of-*"))
    count = int(files[-1].name.rpartition("-")[2]) if files else 1
    if len(files) != count:
        raise UsageError(
            f"{directory} holds {len(files)} of {count} files {NAME}-{part}.*; copy or "
            "prepare the rest"
        )
    records = Records(files)
    labels = _labels(records, files, part, source.progress)
    rows = np.arange(len(labels))
    side = source.side or _SIDE
    return StoredImages(records, rows, labels, side, source.workers, _MEAN, _STD)


def _labels(
    records: Records, files: list[pathlib.Path], part: str, progress: Progress
) -> np.ndarray:
    """The labels, cached or else read from the files."""
    sha = hashlib.sha256()
    for file in files:
        sha.update(location.stamp(file).encode())
    kept = location.cache("labels") / f"{sha.hexdigest()}.npy"
    with contextlib.suppress(UsageError):
        labels = workdir.read_array(kept)
        if labels.dtype == np.int32 and labels.shape == (len(records),):
            return labels
    with progress(f"reading labels, {part} images", len(records)) as advance:
        labels = records.labels(advance)
    # If they cannot be cached, they are read again next time.
    with contextlib.suppress(UsageError):
        workdir.write_array(kept, labels)
    return labels
