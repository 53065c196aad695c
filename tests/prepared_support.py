"""Prepared directories in miniature, as TensorFlow Datasets lays them out."""

import io
import json
import pathlib

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


FEATURES = {
    **tfds_class("features_dict", "FeaturesDict"),
    "featuresDict": {
        "features": {
            "coarse_label": label_feature(20),
            "image": {
                **tfds_class("image_feature", "Image"),
                "image": {
                    "dtype": "uint8",
                    "shape": {"dimensions": ["32", "32", "3"]},
                },
            },
            "label": label_feature(100),
        }
    },
}


def info(name: str, train: int, test: int) -> dict[str, object]:
    """What TFDS keeps in ``dataset_info.json``."""
    template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    return {
        "name": name,
        "version": VERSION,
        "fileFormat": "array_record",
        "splits": [
            {"name": part, "filepathTemplate": template, "shardLengths": [str(size)]}
            for part, size in (("train", train), ("test", test))
        ],
    }


def encode(image: np.ndarray, label: int) -> bytes:
    """One example as TFDS serialises it: the image as PNG."""
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


def write(folder: pathlib.Path, part: str, parts: images.Images) -> None:
    module = pytest.importorskip("array_record.python.array_record_module")
    writer = module.ArrayRecordWriter(str(folder / SHARD.format(part)), "group_size:1")
    for image, label in zip(parts.images, parts.labels.tolist(), strict=True):
        writer.write(encode(image, label))
    writer.close()


def random_images(seed: int, size: int) -> images.Images:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8)
    return images.Images(pixels, random.integers(0, 100, size).astype(np.int32))


def prepare(
    home: pathlib.Path, train: images.Images, test: images.Images
) -> pathlib.Path:
    """Writes a CIFAR-100 of these images; returns the folder of its version."""
    pytest.importorskip("tensorflow_datasets")
    folder = home / "cifar100" / VERSION
    folder.mkdir(parents=True)
    sizes = len(train), len(test)
    (folder / "features.json").write_text(json.dumps(FEATURES), encoding="utf-8")
    (folder / "dataset_info.json").write_text(
        json.dumps(info("cifar100", *sizes)), encoding="utf-8"
    )
    write(folder, "train", train)
    write(folder, "test", test)
    return folder
