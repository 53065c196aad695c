"""Data sets that TensorFlow Datasets (TFDS) has prepared as ArrayRecord.

Reading them needs no TensorFlow; preparing them does.
"""

import dataclasses
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpt_nas_jax.datasets import example, location, pictures
from gpt_nas_jax.datasets.images import Dataset, Images, with_test
from gpt_nas_jax.datasets.sizes import SameSize
from gpt_nas_jax.datasets.source import Source
from gpt_nas_jax.types import UsageError

_NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)?")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_CHUNK = 256
"""Records to read at a time."""


@dataclasses.dataclass(frozen=True)
class _Kind:
    """The images of a data set, according to its features.

    Attributes:
      channels: 1 or 3.
      num_classes: number of classes.
    """

    channels: int
    num_classes: int


def load(name: str, source: Source) -> Dataset:
    """Reads the data set ``name`` from ``<data_dir>/<name>/<version>``.

    The newest version is read; nothing is downloaded. The features ``image`` and
    ``label`` are read, and the splits ``train`` and ``test``. Without ``test``,
    ``validation`` takes its place; without either, a fifth of each class is held out,
    the same in every run. Mirrored images are assumed to keep their label.

    Args:
      name: in TFDS, ``name`` or ``name/config``.
      source: its folder; if it sets a side, the short side of each image is resized to
        it and the centre cut out, else all images must have the same size.

    Raises:
      UsageError: the directory is missing, incomplete, corrupt or in another format,
        it is not a classification of 8-bit images, or a package is missing.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not the name of a TFDS data set; names look like mnist "
            "or mnist_corrupted/identity"
        )
    directory = find(name, source.dir)
    try:
        return _read(name, directory, source)
    except UsageError:
        raise
    except ImportError as error:
        raise UsageError(
            f"reading {name} needs a package that is missing ({error}); run: pip "
            "install tensorflow-datasets array_record pillow importlib_resources"
        ) from error
    # TFDS, ArrayRecord, protobuf and Pillow have no common error class.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"cannot read {directory}: {reason}; delete it and prepare {name} again "
            f"with: {command(name, source.dir)}"
        ) from error


def find(name: str, data_dir: pathlib.Path) -> pathlib.Path:
    """The newest version of a data set in ArrayRecord.

    Raises:
      UsageError: there is none.
    """
    # If data are missing, TFDS would try to download them for minutes.
    pattern = f"{name}/*/{name.partition('/')[0]}-*.array_record*"
    files = location.matching(data_dir, pattern)
    # Beside the versions, TFDS leaves `incomplete.*` if it is killed.
    versions = {file.parent for file in files if _VERSION.fullmatch(file.parent.name)}
    if versions:
        return max(versions, key=_version)
    # TFDS does not prepare a data set that it finds in any format.
    in_the_way = location.exists(data_dir / name)
    target = data_dir / "array_record" if in_the_way else data_dir
    raise UsageError(
        f"{data_dir / name} holds no data set prepared as ArrayRecord; pass the right "
        "folder as --data_dir or, with tensorflow installed and a network, run: "
        f"{command(name, target)} and pass --data_dir={target}"
    )


def class_names(directory: pathlib.Path, num_classes: int) -> tuple[str, ...]:
    """Reads the names of the classes, in order; empty if TFDS wrote no names.

    Raises:
      ValueError: there are more or fewer names than classes.
    """
    # For a builder without names, TFDS would return 0, 1, ...
    file = directory / "label.labels.txt"
    if not file.exists():
        return ()
    lines = map(str.strip, file.read_text(encoding="utf-8").split("\n"))
    names = tuple(line for line in lines if line)
    if len(names) != num_classes:
        raise ValueError(f"{file.name} names {len(names)} of {num_classes} classes")
    return names


def _version(directory: pathlib.Path) -> list[int]:
    return [int(part) for part in directory.name.split(".")]


def command(name: str, data_dir: pathlib.Path) -> str:
    """The command that prepares a data set."""
    return (
        f'python -c "import tensorflow_datasets as tfds; tfds.builder({name!r}, '
        f"data_dir={str(data_dir)!r}).download_and_prepare(file_format='array_record')\""
    )


def _read(name: str, directory: pathlib.Path, source: Source) -> Dataset:
    # Importing TFDS takes seconds, which only these data sets should cost.
    import tensorflow_datasets as tfds

    # A builder by name would require the version of its own code.
    builder = tfds.builder_from_directory(directory)
    kind = _kind(name, builder.info.features)
    parts = _parts(name, tuple(builder.info.splits))
    records = builder.as_data_source(
        parts, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    sizes = tuple(map(len, records))
    if 0 in sizes:
        raise UsageError(f"{directory}: split {parts[sizes.index(0)]} has no images")
    images, classes = SameSize(), class_names(directory, kind.num_classes)
    labels: list[int] = []
    with source.progress("reading, images", sum(sizes)) as advance:
        for part, rows in zip(parts, records, strict=True):
            labels += _add(images, part, rows, kind.channels, source.side, advance)
    _check_labels(directory, labels, kind.num_classes)
    if len(set(labels[: sizes[0]])) < 2:
        raise UsageError(
            f"{directory}: all training images are of one class; two or more are needed"
        )
    pixels, numbers = images.stacked(str(directory)), np.array(labels, np.int32)
    if len(parts) == 1:
        whole = Images(pixels, numbers)
        return with_test(name, kind.num_classes, whole, True, classes)
    count = sizes[0]
    return Dataset(
        name=name,
        num_classes=kind.num_classes,
        train=Images(pixels[:count], numbers[:count]),
        test=Images(pixels[count:], numbers[count:]),
        flip=True,
        classes=classes,
    )


def _check_labels(directory: pathlib.Path, labels: list[int], classes: int) -> None:
    low, high = min(labels), max(labels)
    if not 0 <= low <= high < classes:
        raise UsageError(
            f"{directory}: labels go from {low} to {high}, of {classes} classes; TFDS "
            "writes -1 where a label was not published"
        )


def _kind(name: str, features: Any) -> _Kind:
    """Raises UsageError unless the features are 8-bit images with classes."""
    import tensorflow_datasets as tfds

    found = features if isinstance(features, tfds.features.FeaturesDict) else ()
    there = sorted(found)
    if not {"image", "label"} <= {*there}:
        named = f"the features {', '.join(there)}" if there else "no named features"
        raise UsageError(f"{name} has {named}; image and label are needed")
    image, label = features["image"], features["label"]
    if not isinstance(image, tfds.features.Image):
        raise UsageError(
            f"{name}: the feature image is {type(image).__name__}, not Image"
        )
    channels, dtype = image.shape[-1], np.dtype(image.np_dtype)
    if channels not in (1, 3) or dtype != np.uint8:
        raise UsageError(
            f"{name}: images are {dtype} of {channels} channels; uint8 of 1 or 3 are "
            "needed"
        )
    if not isinstance(label, tfds.features.ClassLabel):
        raise UsageError(
            f"{name}: the feature label is {type(label).__name__}, not ClassLabel; one "
            "class per image is needed"
        )
    return _Kind(channels, int(label.num_classes))


def _parts(name: str, splits: Sequence[str]) -> list[str]:
    """The splits for training and testing, or only the first."""
    if not splits:
        raise ValueError("dataset_info.json names no splits")
    if "train" not in splits:
        raise UsageError(f"{name} has no split train, but {', '.join(splits)}")
    others = [part for part in ("test", "validation") if part in splits]
    return ["train", *others[:1]]


def _add(
    images: SameSize,
    part: str,
    records: Sequence[bytes],
    channels: int,
    side: int,
    advance: Callable[[int], None],
) -> list[int]:
    """Decodes the images of a split; returns their labels."""
    labels = []
    for begin in range(0, len(records), _CHUNK):
        rows = range(begin, min(begin + _CHUNK, len(records)))
        for row, record in zip(rows, records.__getitems__(rows), strict=True):
            encoded, label = example.read(record)
            picture = pictures.decode(encoded, channels, side)
            images.add(f"{part}[{row}]", picture)
            labels.append(label)
        advance(len(rows))
    return labels
