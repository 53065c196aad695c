"""Data sets that TensorFlow Datasets (TFDS) has prepared on disk as ArrayRecord.

Reading them needs no TensorFlow; preparing them does.
"""

import io
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gpt_nas_jax.datasets.images import Dataset, Images
from gpt_nas_jax.types import UsageError


def load(name: str, data_dir: pathlib.Path) -> Dataset:
    """Read the data set ``name`` from ``<data_dir>/<name>/<version>``.

    The newest version is taken. Nothing is downloaded. All images must be of one
    size, and a mirrored image is taken to keep its label.

    Raises:
      UsageError: the directory is missing, incomplete, corrupt or in another format,
        or a package is missing.
    """
    directory = find(name, data_dir)
    try:
        return _read(name, directory)
    except ImportError as error:
        raise UsageError(
            f"reading {name} needs a package that is missing ({error}); run: pip "
            "install tensorflow-datasets array_record pillow importlib_resources"
        ) from error
    # TFDS, ArrayRecord, protobuf and Pillow have no error class in common.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"cannot read {directory}: {reason}; delete it and prepare {name} again "
            f"with: {command(name, directory.parent.parent)}"
        ) from error


def find(name: str, data_dir: pathlib.Path) -> pathlib.Path:
    """The newest version of a data set in ArrayRecord.

    Raises:
      UsageError: there is none.
    """
    # Asked for data that it does not find, TFDS tries to download them for minutes.
    pattern = f"{name}/*/{name}-train.array_record*"
    # Of a name that no file can have, pathlib raises an error.
    files = data_dir.glob(pattern) if os.path.isdir(data_dir) else ()
    versions = sorted({file.parent for file in files}, key=_version)
    if versions:
        return versions[-1]
    # TFDS prepares nothing where it finds the data set in whatever format.
    in_the_way = os.path.exists(data_dir / name)
    target = data_dir / "array_record" if in_the_way else data_dir
    raise UsageError(
        f"{data_dir / name} holds no data set prepared as ArrayRecord; pass the right "
        "folder as --data_dir or, with tensorflow installed and a network, run: "
        f"{command(name, target)} and pass --data_dir={target}"
    )


def class_names(directory: pathlib.Path, num_classes: int) -> tuple[str, ...]:
    """Reads the names of the classes, in order; empty where TFDS wrote no names.

    Raises:
      ValueError: there are more or fewer names than classes.
    """
    # Of a builder that has no names TFDS says 0, 1, ...
    file = directory / "label.labels.txt"
    if not file.exists():
        return ()
    lines = map(str.strip, file.read_text(encoding="utf-8").split("\n"))
    names = tuple(line for line in lines if line)
    if len(names) != num_classes:
        raise ValueError(f"{file.name} names {len(names)} of {num_classes} classes")
    return names


def _version(directory: pathlib.Path) -> list[int]:
    return [int(part) for part in directory.name.split(".") if part.isdigit()]


def command(name: str, data_dir: pathlib.Path) -> str:
    """The command that prepares a data set."""
    return (
        f'python -c "import tensorflow_datasets as tfds; tfds.builder({name!r}, '
        f"data_dir={str(data_dir)!r}).download_and_prepare(file_format='array_record')\""
    )


def _read(name: str, directory: pathlib.Path) -> Dataset:
    # Importing TFDS takes seconds, which other data sets need not wait.
    import tensorflow_datasets as tfds

    # A builder by name would insist on the version that its own code makes.
    builder = tfds.builder_from_directory(directory)
    train, test = builder.as_data_source(
        ["train", "test"], decoders={"image": tfds.decode.SkipDecoding()}
    )
    num_classes = builder.info.features["label"].num_classes
    return Dataset(
        name=name,
        num_classes=num_classes,
        train=_images(train.__getitems__(range(len(train)))),
        test=_images(test.__getitems__(range(len(test)))),
        flip=True,
        classes=class_names(directory, num_classes),
    )


def _images(examples: Sequence[Mapping[str, Any]]) -> Images:
    from PIL import Image

    def decode(encoded: bytes) -> np.ndarray:
        # Told the formats, Pillow does not try its others: half the time of TFDS's
        # own decoding. Threads make it slower, for it holds the interpreter's lock.
        with Image.open(io.BytesIO(encoded), formats=("PNG", "WEBP")) as image:
            return np.asarray(image)

    return Images(
        np.stack([decode(example["image"]) for example in examples]),
        np.array([example["label"] for example in examples], np.int32),
    )
