"""A miniature ImageNet in the layout of TensorFlow Datasets."""

import io
import json
import pathlib

import numpy as np
import pytest
from PIL import Image
from prepared_support import label_feature, tfds_class

VERSION = "5.1.0"
CLASSES = 8
TRAIN, TEST = 200, 40
_SHARDS = {"train": 4, "validation": 2}


def photo(label: int, number: int) -> np.ndarray:
    """An image of 40 to 60 pixels a side, with a gradient in its class's colour."""
    random = np.random.default_rng([label, number])
    height, width = random.integers(40, 61, 2)
    tint = 60 + 24 * np.array([label, (3 * label) % 8, 7 - label])
    ramp = np.linspace(0.6, 1.4, width)[:, None] * tint
    noise = random.normal(0, 12, (height, width, 3))
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


def example(encoded: bytes, label: int, number: int) -> bytes:
    """One serialised record."""
    from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2

    name = f"n{label:08}_{number}.JPEG".encode()
    feature = {
        "file_name": {"bytes_list": {"value": [name]}},
        "image": {"bytes_list": {"value": [encoded]}},
        "label": {"int64_list": {"value": [label]}},
    }
    features = tf_feature_pb2.Features(feature=feature)
    return tf_example_pb2.Example(features=features).SerializeToString()


def jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def prepare_imagenet(home: pathlib.Path) -> pathlib.Path:
    """Writes 200 training and 40 validation images; returns their folder."""
    module = pytest.importorskip("array_record.python.array_record_module")
    pytest.importorskip("tensorflow_datasets")
    folder = home / "imagenet2012" / VERSION
    folder.mkdir(parents=True)
    features = {
        **tfds_class("features_dict", "FeaturesDict"),
        "featuresDict": {"features": {"label": label_feature(CLASSES)}},
    }
    (folder / "features.json").write_text(json.dumps(features), encoding="utf-8")
    for part, size, first in (("train", TRAIN, 0), ("validation", TEST, TRAIN)):
        shards = _SHARDS[part]
        for shard in range(shards):
            name = f"imagenet2012-{part}.array_record-{shard:05}-of-{shards:05}"
            writer = module.ArrayRecordWriter(str(folder / name), "group_size:1")
            for number in range(shard * size // shards, (shard + 1) * size // shards):
                label = number * 5 % CLASSES
                encoded = jpeg(photo(label, first + number))
                writer.write(example(encoded, label, number))
            writer.close()
    return folder
