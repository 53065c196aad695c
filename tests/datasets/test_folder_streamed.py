"""Folders streamed from disk against the same folders in memory."""

import contextlib
import os
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy
import jax
import numpy as np
import pytest
from folder_support import RANDOM, laid_out, picture
from hypothesis import strategies
from PIL import Image

from gpt_nas_jax.config import DataConfig
from gpt_nas_jax.datasets import images, moments, preparation, reading, registry, sides
from gpt_nas_jax.datasets.images import Dataset, Images, ImageSet
from gpt_nas_jax.datasets.picture_files import PictureFiles
from gpt_nas_jax.types import UsageError


def mixed(home: Path, *parts: str) -> None:
    """Writes pictures of three classes in many sizes and formats, some of them grey."""
    for number in range(36 * len(parts)):
        height, width = RANDOM.integers(12, 40, 2)
        grey = number % 5 == 0
        suffix = ("jpg", "png", "webp")[number % 4 % 3]
        part = parts[number % len(parts)]
        path = home / part / "abc"[number % 3] / f"{number}.{suffix}"
        picture(path, height, width, *(() if grey else (3,)))


def both(home: Path, **options: object) -> tuple[Dataset, Dataset]:
    memory = registry.load("folder", home, stream="no", **options)
    disk = registry.load("folder", home, stream="yes", **options)
    assert isinstance(memory.train, Images)
    assert isinstance(disk.train, PictureFiles)
    return memory, disk


def assert_same(one: ImageSet, other: ImageSet) -> None:
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.pixels(), other.pixels())
    assert one.size == other.size
    assert one.highest() == other.highest()
    for ours, theirs in zip(one.moments(), other.moments(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("parts", [("train", "test"), (".",)])
def test_parts_splits_and_pictures_are_those_in_memory(
    tmp_path: Path, parts: tuple[str, ...]
) -> None:
    mixed(tmp_path, *parts)
    memory, disk = both(tmp_path)
    assert memory.classes == disk.classes
    assert_same(memory.train, disk.train)
    assert_same(memory.test, disk.test)
    key = jax.random.key(1)
    ours, theirs = (images.split(one, key, 0.2, 20) for one in (disk, memory))
    assert_same(ours.train, theirs.train)
    assert_same(ours.valid, theirs.valid)
    config = DataConfig(name="folder")
    assert preparation.of(config, disk) == preparation.of(config, memory)


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3)])
def test_pictures_of_one_size_keep_it(tmp_path: Path, shape: tuple[int, ...]) -> None:
    for number in range(12):
        picture(tmp_path / "ab"[number % 2] / f"{number}.png", *shape)
    memory, disk = both(tmp_path)
    assert disk.train.size == (6, 5, shape[2] if len(shape) == 3 else 1)
    assert disk.side == memory.side == 0
    assert_same(memory.train, disk.train)


def test_pictures_taken_sideways_have_the_size_of_the_others(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / "ab"[number % 2] / f"{number}.jpg", 6, 5, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a/6.jpg", "b/7.tif"):
        pixels = RANDOM.integers(0, 256, (5, 6, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name, exif=exif)
    memory, disk = both(tmp_path)
    assert memory.train.size == (6, 5, 3)
    assert_same(memory.train, disk.train)


def test_several_sizes_become_the_median_of_the_short_sides(
    tmp_path: Path,
) -> None:
    shapes = [(10, 30), (31, 11), (12, 12), (13, 40), (14, 99), (90, 15), (16, 17)]
    for number, shape in enumerate(shapes):
        for name in "ab":
            picture(tmp_path / name / f"{number}.png", *shape, 3)
    # The header of a picture is enough, even if the rest is truncated.
    broken = tmp_path / "a" / "x.png"
    picture(broken, 200, 300, 3)
    broken.write_bytes(broken.read_bytes()[:5000])
    memory, disk = both(tmp_path, skip_unreadable=True)
    assert memory.train.size == disk.train.size == (13, 13, 3)
    assert memory.side == disk.side == 13
    for dataset in (memory, disk):
        assert "resized to 13 pixels, the median of short sides" in dataset.note
        assert "--data_side=N" in dataset.note
        assert preparation.of(DataConfig(name="folder"), dataset).resize == 13
    assert registry.load("folder", tmp_path, side=9, skip_unreadable=True).side == 9


@hypothesis.given(
    strategies.lists(strategies.tuples(*[strategies.integers(1, 500)] * 2), min_size=1),
    strategies.randoms(),
)
def test_a_chosen_side_does_not_depend_on_the_order(found, random) -> None:
    side = sides.chosen(np.array(found, np.int32))
    random.shuffle(found)
    assert side == sides.chosen(np.array(found, np.int32))
    if len({*found}) == 1:
        assert side == 0
    else:
        assert side == min(sides.MOST, statistics.median_low(map(min, found)))


@hypothesis.given(
    hypothesis.extra.numpy.arrays(
        np.uint8, hypothesis.extra.numpy.array_shapes(min_dims=4, max_dims=4)
    ),
    strategies.integers(0, 10),
)
def test_moments_are_the_same_from_parts(pixels: np.ndarray, cut: int) -> None:
    count = pixels[..., 0].size
    whole = moments.of_sums(count, moments.sums(pixels))
    parts = moments.sums(pixels[:cut]) + moments.sums(pixels[cut:])
    for ours, again in zip(whole, moments.of_sums(count, parts), strict=True):
        np.testing.assert_array_equal(ours, again)
    scaled = pixels.reshape(count, -1) / 255
    np.testing.assert_allclose(whole[0], scaled.mean(0), rtol=1e-6)
    deviation = scaled.std(0)
    expected = np.where(np.ptp(pixels.reshape(count, -1), 0), deviation, 1)
    np.testing.assert_allclose(whole[1], expected, rtol=1e-5)


def test_all_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    laid_out(tmp_path, "train", "test")
    damaged = ["train/cat/3.png", "train/dog/0.png", "test/dog/9.png"]
    for name in damaged:
        (tmp_path / name).write_bytes(b"noise")
    whole = tmp_path / "train/cat/5.png"
    whole.write_bytes(whole.read_bytes()[:60])
    said = []
    for stream in ("no", "yes"):
        with pytest.raises(UsageError) as raised:
            registry.load("folder", tmp_path, stream=stream)
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert all(f"{name} (" in said[1] for name in (*damaged, "train/cat/5.png"))
    memory, disk = both(tmp_path, skip_unreadable=True)
    assert len(disk.train) == 17
    assert_same(memory.train, disk.train)
    assert_same(memory.test, disk.test)
    assert "left out: 4 that cannot be read" in disk.note


def test_a_picture_is_checked_again_if_its_file_has_changed(tmp_path: Path) -> None:
    laid_out(tmp_path, "train", "test")
    looked: list[int] = []

    @contextlib.contextmanager
    def progress(
        title: str, total: int, done: int = 0
    ) -> Iterator[Callable[..., None]]:
        if title.startswith("checking"):
            looked.append(total)
        yield lambda count=1, note="": None

    def load() -> Dataset:
        return registry.load("folder", tmp_path, stream="yes", progress=progress)

    first = load()
    assert_same(first.train, load().train)
    assert looked == [40]
    changed = tmp_path / "test/cat/4.png"
    picture(changed, 6, 5, 3)
    os.utime(changed, ns=(0, 0))
    second = load()
    assert looked == [40, 1]
    assert_same(second.test, registry.load("folder", tmp_path, stream="no").test)
    (tmp_path / "train/dog/2.png").write_bytes(b"noise")
    for _ in range(2):
        with pytest.raises(UsageError, match=r"dog/2\.png cannot be read"):
            load()


def test_more_than_a_bound_stays_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out(tmp_path, "train", "test")
    assert isinstance(registry.load("folder", tmp_path).train, Images)
    decoded = 40 * 6 * 5 * 3
    for bound, kind in ((decoded, Images), (decoded - 1, PictureFiles)):
        monkeypatch.setattr(reading, "MOST", bound)
        dataset = registry.load("folder", tmp_path)
        assert isinstance(dataset.train, kind)
        assert ("left on disk" in dataset.note) == (kind is PictureFiles)
