"""Data sets prepared by TFDS, read from a server that emulates Google Cloud Storage."""

import pathlib
from collections.abc import Iterator

import numpy as np
import pytest
from imagenet_support import prepare_imagenet
from prepared_support import prepare, random_images
from stores_support import Server, environment, serving

from gpt_nas_jax.datasets import registry
from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir.objects import Objects


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("gs") as one, environment(one):
        yield one


def copied(server: Server, home: pathlib.Path) -> str:
    """Uploads a folder; returns its URL."""
    url = server.url("images")
    files = {file.relative_to(home).as_posix(): file for file in home.rglob("*")}
    Objects(url).upload({name: file for name, file in files.items() if file.is_file()})
    return url


@pytest.mark.long
def test_images_on_a_store_are_those_on_a_disk(server: Server, tmp_path: pathlib.Path):
    prepare(tmp_path, random_images(0, 30), random_images(1, 10))
    url = copied(server, tmp_path)
    found = registry.load("cifar100", url)
    expected = registry.load("cifar100", tmp_path)
    for part in ("train", "test"):
        one, other = getattr(found, part), getattr(expected, part)
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
    with pytest.raises(UsageError, match=f"{url}/cifar10 holds no data set prepared"):
        registry.load("cifar10", url)


@pytest.mark.long
def test_images_are_streamed_from_a_store(server: Server, tmp_path: pathlib.Path):
    prepare_imagenet(tmp_path)
    url = copied(server, tmp_path)

    def batches(home: str | pathlib.Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        dataset = registry.load("imagenet2012", home, side=32, workers=2)
        plan = [(row, row) for row in range(24)]
        yield from dataset.train.augmented(8, plan, flip=True)

    for _ in range(2):
        for one, other in zip(batches(url), batches(tmp_path), strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("name", ["folder", "npz"])
def test_other_data_sets_are_read_from_a_disk(name: str):
    with pytest.raises(UsageError, match=f"{name} is read from a disk; copy it there"):
        registry.load(name, "gs://bucket/images")
