"""Prepared directories: a small one written here, and the real CIFAR-10."""

import ast
import io
import json
import pathlib
import re
import sys
from collections.abc import Callable

import numpy as np
import pytest

from gpt_nas_jax.data import images
from gpt_nas_jax.types import UsageError

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


TRAIN, TEST = random_images(0, 12), random_images(1, 5)


@pytest.fixture
def version_dir(tmp_path) -> pathlib.Path:
    """A prepared CIFAR-100 with 12 training and 5 test images of noise."""
    pytest.importorskip("tensorflow_datasets")
    folder = tmp_path / "cifar100" / VERSION
    folder.mkdir(parents=True)
    (folder / "features.json").write_text(json.dumps(FEATURES))
    (folder / "dataset_info.json").write_text(json.dumps(info("cifar100", 12, 5)))
    write(folder, "train", TRAIN)
    write(folder, "test", TEST)
    return folder


def test_what_was_prepared_is_read_back(version_dir, tmp_path):
    dataset = images.load("cifar100", tmp_path)
    assert (dataset.num_classes, dataset.flip) == (100, True)
    for read, written in ((dataset.train, TRAIN), (dataset.test, TEST)):
        np.testing.assert_array_equal(read.images, written.images)
        np.testing.assert_array_equal(read.labels, written.labels)
        assert (read.images.dtype, read.labels.dtype) == (np.uint8, np.int32)


def test_cifar10_has_its_published_channel_means(shared_data, tmp_path):
    pytest.importorskip("tensorflow_datasets")
    source = shared_data / "tfds" / "cifar10" / VERSION
    if not source.is_dir():
        pytest.skip("needs the prepared CIFAR-10")
    # The 10,000 test images stand for both parts: a sixth of the time.
    folder = tmp_path / "cifar10" / VERSION
    folder.mkdir(parents=True)
    (folder / "features.json").symlink_to(source / "features.json")
    (folder / "dataset_info.json").write_text(
        json.dumps(info("cifar10", 10_000, 10_000))
    )
    for part in ("train", "test"):
        shard = f"cifar10-{part}.array_record-00000-of-00001"
        (folder / shard).symlink_to(source / "cifar10-test.array_record-00000-of-00001")
    dataset = images.load("cifar10", tmp_path)
    assert dataset.num_classes == 10
    assert dataset.test.images.shape == (10_000, 32, 32, 3)
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
    means = dataset.test.images.mean((0, 1, 2)) / 255
    # Published for the training images; the test images differ by up to 0.004.
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=0.005)


def printed_call(message: str) -> tuple[list[object], dict[str, object]]:
    """The arguments of ``tfds.builder`` and ``download_and_prepare`` in a message."""
    program = re.search(r'python -c "(.*?)"', message).group(1)
    prepare = ast.parse(program).body[-1].value
    builder = prepare.func.value
    keywords = {k.arg: k.value.value for k in builder.keywords + prepare.keywords}
    return [argument.value for argument in builder.args], keywords


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_without_a_prepared_directory_the_message_says_how_to_make_it(name, tmp_path):
    with pytest.raises(UsageError) as raised:
        images.load(name, tmp_path)
    message = str(raised.value)
    assert "\n" not in message
    assert f"--data_dir={tmp_path}" in message
    arguments, keywords = printed_call(message)
    assert arguments == [name]
    assert keywords == {"data_dir": str(tmp_path), "file_format": "array_record"}


def test_data_in_another_format_are_to_be_prepared_elsewhere(version_dir, tmp_path):
    for part in ("train", "test"):
        shard = version_dir / SHARD.format(part)
        shard.rename(version_dir / shard.name.replace("array_record", "tfrecord"))
    with pytest.raises(UsageError, match="ArrayRecord") as raised:
        images.load("cifar100", tmp_path)
    # TFDS would find the old files in the same folder and prepare nothing.
    _, keywords = printed_call(str(raised.value))
    assert keywords["data_dir"] != str(tmp_path)
    assert f"--data_dir={keywords['data_dir']}" in str(raised.value)


TFRECORD_INFO = json.dumps(
    {**info("cifar100", 12, 5), "fileFormat": "tfrecord"}
).encode()


def overwrite(data: bytes) -> Callable[[pathlib.Path], int]:
    return lambda path: path.write_bytes(data)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        (SHARD.format("test"), pathlib.Path.unlink),
        (SHARD.format("test"), overwrite(b"")),
        (SHARD.format("train"), overwrite(b"noise" * 20_000)),
        ("dataset_info.json", pathlib.Path.unlink),
        ("dataset_info.json", overwrite(b"{")),
        ("dataset_info.json", overwrite(TFRECORD_INFO)),
        ("features.json", pathlib.Path.unlink),
    ],
)
def test_a_damaged_directory_is_named(version_dir, tmp_path, file, damage):
    damage(version_dir / file)
    with pytest.raises(UsageError, match=r"^cannot read ") as raised:
        images.load("cifar100", tmp_path)
    message = str(raised.value)
    assert "\n" not in message
    assert str(version_dir) in message
    assert printed_call(message)[1]["data_dir"] == str(tmp_path)


def test_a_missing_package_is_named(version_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UsageError, match=r"tensorflow_datasets.*pip install"):
        images.load("cifar100", tmp_path)
