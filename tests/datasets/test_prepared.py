"""Prepared directories: a small one written here, and the real CIFAR-10."""

import ast
import dataclasses
import json
import pathlib
import re
import sys
from collections.abc import Callable

import numpy as np
import pytest
from prepared_support import SHARD, VERSION, info, prepare, random_images

from gpt_nas_jax.datasets import prepared, registry
from gpt_nas_jax.types import UsageError

TRAIN, TEST = random_images(0, 12), random_images(1, 5)


@pytest.fixture
def version_dir(tmp_path) -> pathlib.Path:
    """A prepared CIFAR-100 with 12 training and 5 test images of noise."""
    return prepare(tmp_path, TRAIN, TEST)


def test_what_was_prepared_is_read_back(version_dir, tmp_path):
    dataset = registry.load("cifar100", tmp_path)
    assert (dataset.num_classes, dataset.flip) == (100, True)
    for read, written in ((dataset.train, TRAIN), (dataset.test, TEST)):
        np.testing.assert_array_equal(read.images, written.images)
        np.testing.assert_array_equal(read.labels, written.labels)
        assert (read.images.dtype, read.labels.dtype) == (np.uint8, np.int32)


def test_images_of_one_class_are_refused(tmp_path):
    alone = dataclasses.replace(TRAIN, labels=np.full_like(TRAIN.labels, 3))
    prepare(tmp_path, alone, TEST)
    with pytest.raises(UsageError, match="all training images are of one class"):
        registry.load("cifar100", tmp_path)


def test_classes_have_the_names_that_were_prepared(version_dir, tmp_path):
    assert registry.load("cifar100", tmp_path).classes == ()
    names = tuple(f"kind {number}" for number in range(100))
    file = version_dir / "label.labels.txt"
    file.write_text("\n".join(names) + "\n", encoding="utf-8")
    assert registry.load("cifar100", tmp_path).classes == names
    file.write_text("cat\ndog\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"labels\.txt names 2 of 100"):
        registry.load("cifar100", tmp_path)


@pytest.mark.parametrize("version", ["0.1.0", "3.0.2"])
def test_what_a_killed_preparation_leaves_behind_is_no_version(tmp_path, version):
    def folder(name: str) -> pathlib.Path:
        path = tmp_path / "cifar100" / name
        path.mkdir(parents=True)
        (path / SHARD.format("train")).touch()
        return path

    folder(f"incomplete.AB12CD_{version}")
    with pytest.raises(UsageError, match="holds no data set prepared as ArrayRecord"):
        prepared.find("cifar100", tmp_path)
    complete = folder(version)
    assert prepared.find("cifar100", tmp_path) == complete


def test_the_newest_version_is_read(tmp_path):
    for name in ("1.9.0", "1.10.0", "0.11.12"):
        path = tmp_path / "cifar100" / name
        path.mkdir(parents=True)
        (path / SHARD.format("train")).touch()
    assert prepared.find("cifar100", tmp_path).name == "1.10.0"


@pytest.mark.slow
def test_cifar10_has_its_published_channel_means(shared_data, tmp_path):
    pytest.importorskip("tensorflow_datasets")
    source = shared_data / "tfds" / "cifar10" / VERSION
    if not source.is_dir():
        pytest.skip("needs the prepared CIFAR-10")
    # The 10,000 test images serve as both parts, which saves time.
    folder = tmp_path / "cifar10" / VERSION
    folder.mkdir(parents=True)
    (folder / "features.json").symlink_to(source / "features.json")
    (folder / "dataset_info.json").write_text(
        json.dumps(info("cifar10", train=10_000, test=10_000)), encoding="utf-8"
    )
    for part in ("train", "test"):
        shard = f"cifar10-{part}.array_record-00000-of-00001"
        (folder / shard).symlink_to(source / "cifar10-test.array_record-00000-of-00001")
    dataset = registry.load("cifar10", tmp_path)
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
        registry.load(name, tmp_path)
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
        registry.load("cifar100", tmp_path)
    # TFDS would find the old files in the same folder and prepare nothing.
    _, keywords = printed_call(str(raised.value))
    assert keywords["data_dir"] != str(tmp_path)
    assert f"--data_dir={keywords['data_dir']}" in str(raised.value)


TFRECORD_INFO = json.dumps(
    {**info("cifar100", train=12, test=5), "fileFormat": "tfrecord"}
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
        registry.load("cifar100", tmp_path)
    message = str(raised.value)
    assert "\n" not in message
    assert str(version_dir) in message
    assert printed_call(message)[1]["data_dir"] == str(tmp_path)


def test_a_missing_package_is_named(version_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UsageError, match=r"tensorflow_datasets.*pip install"):
        registry.load("cifar100", tmp_path)
