"""Miniature data sets in the layout of TensorFlow Datasets."""

import io
import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from gpt_nas_jax.datasets import images

VERSION = "3.0.2"
SHARD = "cifar100-{}.array_record-00000-of-00001"


def tfds_class(module: str, name: str) -> dict[str, str]:
    return {"pythonClassName": f"tensorflow_datasets.core.features.{module}.{name}"}


def label_feature(classes: int) -> dict[str, object]:
    feature = tfds_class("class_label_feature", "ClassLabel")
    return {**feature, "classLabel": {"numClasses": str(classes)}}


def image_feature(*shape: int | None, dtype: str = "uint8") -> dict[str, object]:
    """The feature of images of this shape; TFDS writes None as -1."""
    dimensions = [str(-1 if length is None else length) for length in shape]
    return {
        **tfds_class("image_feature", "Image"),
        "image": {"dtype": dtype, "shape": {"dimensions": dimensions}},
    }


def features_dict(**features: object) -> dict[str, object]:
    """The content of TFDS's ``features.json``."""
    return {
        **tfds_class("features_dict", "FeaturesDict"),
        "featuresDict": {"features": features},
    }


FEATURES = features_dict(
    coarse_label=label_feature(20),
    image=image_feature(32, 32, 3),
    label=label_feature(100),
)


def info(name: str, **sizes: int) -> dict[str, object]:
    """The content of TFDS's ``dataset_info.json``, given the sizes of the splits."""
    template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    return {
        "name": name,
        "version": VERSION,
        "fileFormat": "array_record",
        "splits": [
            {"name": part, "filepathTemplate": template, "shardLengths": [str(size)]}
            for part, size in sizes.items()
        ],
    }


def encode(image: np.ndarray, label: int) -> bytes:
    """One example as TFDS serialises it, with the image as PNG."""
    from PIL import Image
    from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2

    png = io.BytesIO()
    Image.fromarray(image).save(png, "PNG")
    feature = {
        "image": {"bytes_list": {"value": [png.getvalue()]}},
        "label": {"int64_list": {"value": [label]}},
        "coarse_label": {"int64_list": {"value": [label // 5]}},
    }
    features = tf_feature_pb2.Features(feature=feature)
    return tf_example_pb2.Example(features=features).SerializeToString()


Examples = Sequence[tuple[np.ndarray, int]]
"""Images ``uint8[H, W, C]``, or ``[H, W]`` if greyscale, with their labels."""


def examples(part: images.Images) -> Examples:
    return [*zip(part.images, part.labels.tolist(), strict=True)]


def write(file: pathlib.Path, part: Examples) -> None:
    module = pytest.importorskip("array_record.python.array_record_module")
    writer = module.ArrayRecordWriter(str(file), "group_size:1")
    for image, label in part:
        writer.write(encode(image, label))
    writer.close()


def random_images(seed: int, size: int) -> images.Images:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8)
    return images.Images(pixels, random.integers(0, 100, size).astype(np.int32))


def prepare(
    home: pathlib.Path, train: images.Images, test: images.Images
) -> pathlib.Path:
    """Writes these images as CIFAR-100; returns the folder of its version."""
    parts = {"train": examples(train), "test": examples(test)}
    return prepare_as(home, "cifar100", FEATURES, parts)


def prepare_as(
    home: pathlib.Path,
    name: str,
    features: Mapping[str, object],
    parts: Mapping[str, Examples],
) -> pathlib.Path:
    """Writes a data set with these splits; returns the folder of its version."""
    pytest.importorskip("tensorflow_datasets")
    folder = home / name / VERSION
    folder.mkdir(parents=True)
    name = name.partition("/")[0]
    sizes = {split: len(part) for split, part in parts.items()}
    (folder / "features.json").write_text(json.dumps(features), encoding="utf-8")
    (folder / "dataset_info.json").write_text(
        json.dumps(info(name, **sizes)), encoding="utf-8"
    )
    for split, part in parts.items():
        write(folder / f"{name}-{split}.array_record-00000-of-00001", part)
    return folder
