"""A user's own images as a folder, written here with Pillow."""

import pathlib

import jax
import numpy as np
import pytest
from PIL import Image

from gpt_nas_jax.data import images
from gpt_nas_jax.types import UsageError

RANDOM = np.random.default_rng(0)


def picture(path: pathlib.Path, *shape: int, dtype: str = "uint8") -> np.ndarray:
    """Writes noise of a shape; returns it."""
    pixels = RANDOM.integers(0, 256, shape).astype(dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def laid_out(home: pathlib.Path, *parts: str) -> dict[str, np.ndarray]:
    """Cats and dogs, ten of each in each part, by their paths."""
    names = [
        f"{part}/{name}/{number}.png"
        for part in parts
        for name in ("cat", "dog")
        for number in range(10)
    ]
    return {name: picture(home / name, 6, 5, 3) for name in names}


def test_pictures_come_in_the_order_of_their_names_then_classes(tmp_path):
    written = laid_out(tmp_path, "train", "test")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / "train" / ".cache").mkdir()
    dataset = images.load("folder", tmp_path)
    assert (dataset.num_classes, dataset.flip) == (2, True)
    assert dataset.classes == ("cat", "dog")
    for part, read in (("train", dataset.train), ("test", dataset.test)):
        names = [f"{part}/{name}/{n}.png" for n in range(10) for name in ("cat", "dog")]
        np.testing.assert_array_equal(read.images, [written[name] for name in names])
        assert read.labels.tolist() == [0, 1] * 10
        assert (read.images.dtype, read.labels.dtype) == (np.uint8, np.int32)


@pytest.mark.parametrize(
    ("parts", "test"),
    [
        (("train", "val"), "val"),
        (("train", "valid"), "valid"),
        (("train", "val", "test"), "test"),
    ],
)
def test_val_stands_for_a_missing_test(tmp_path, parts, test):
    written = laid_out(tmp_path, *parts)
    dataset = images.load("folder", tmp_path)
    np.testing.assert_array_equal(dataset.test.images[0], written[f"{test}/cat/0.png"])
    assert (len(dataset.train), len(dataset.test)) == (20, 20)


@pytest.mark.parametrize("part", ["train", "."])
def test_of_one_part_a_fifth_of_each_class_is_for_testing(tmp_path, part):
    written = laid_out(tmp_path, part)
    dataset = images.load("folder", tmp_path)
    assert np.bincount(dataset.train.labels).tolist() == [8, 8]
    assert np.bincount(dataset.test.labels).tolist() == [2, 2]
    assert dataset.classes == ("cat", "dog")
    seen = np.concatenate([dataset.train.images, dataset.test.images])
    expected = sorted(pixels.tobytes() for pixels in written.values())
    assert sorted(pixels.tobytes() for pixels in seen) == expected
    again = images.load("folder", tmp_path)
    np.testing.assert_array_equal(again.test.images, dataset.test.images)


def test_grey_pictures_have_one_channel_until_one_is_coloured(tmp_path):
    grey = picture(tmp_path / "a" / "0.png", 4, 4)
    for name in ("a/1.png", "a/2.png", "b/0.bmp", "b/1.png", "b/2.webp"):
        picture(tmp_path / name, 4, 4, *((3,) if name.endswith("webp") else ()))
    coloured = images.load("folder", tmp_path)
    assert coloured.train.size == (4, 4, 3)
    everything = np.concatenate([coloured.train.images, coloured.test.images])
    assert any(np.array_equal(x, grey[..., None].repeat(3, -1)) for x in everything)
    picture(tmp_path / "b" / "2.webp", 4, 4, 3)
    (tmp_path / "b" / "2.webp").unlink()
    picture(tmp_path / "b" / "2.png", 4, 4)
    assert images.load("folder", tmp_path).train.size == (4, 4, 1)


def test_a_side_resizes_the_short_side_and_keeps_the_centre(tmp_path):
    laid_out(tmp_path, "train")
    wide = picture(tmp_path / "train" / "cat" / "0.png", 24, 48, 3)
    whole = Image.fromarray(wide).resize((12, 6), Image.Resampling.BILINEAR)
    expected = np.asarray(whole)[:, 3:9]
    dataset = images.load("folder", tmp_path, side=6)
    assert dataset.train.size == (6, 6, 3)
    everything = np.concatenate([dataset.train.images, dataset.test.images])
    assert any(np.array_equal(pixels, expected) for pixels in everything)


def test_whether_to_mirror_can_be_told(tmp_path):
    laid_out(tmp_path, "train")
    for told, flip in (("auto", True), ("yes", True), ("no", False)):
        assert images.load("folder", tmp_path, flip=told).flip == flip
    assert images.load("digits", "", flip="yes").flip


def empty_class(home: pathlib.Path) -> None:
    (home / "train" / "cow").mkdir()
    (home / "test" / "cow").mkdir()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (empty_class, "train/cow holds no picture"),
        (lambda home: picture(home / "test/cow/0.png", 6, 5, 3), "class 'cow'"),
        (lambda home: (home / "train").rename(home / "training"), "no .*train"),
        (
            lambda home: picture(home / "test/dog/1.png", 6, 7, 3),
            "dog/1.png.*data_side",
        ),
        (
            lambda home: (home / "train/cat/5.png").write_bytes(b"noise"),
            "cat/5.png cannot be read",
        ),
        (
            lambda home: (home / "train/cat/5.png").write_bytes(
                (home / "train/cat/5.png").read_bytes()[:60]
            ),
            "cat/5.png cannot be read",
        ),
        (
            lambda home: picture(home / "train/cat/5.png", 6, 5, dtype="uint16"),
            "cat/5.png cannot be read.*8 bits",
        ),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(tmp_path, damage, named):
    laid_out(tmp_path, "train", "test")
    damage(tmp_path)
    with pytest.raises(UsageError, match=named) as raised:
        images.load("folder", tmp_path)
    assert "\n" not in str(raised.value)


def test_a_class_of_too_few_pictures_is_named(tmp_path):
    laid_out(tmp_path, "train", "test")
    for part in ("train", "test"):
        picture(tmp_path / part / "cow" / "0.png", 6, 5, 3)
    dataset = images.load("folder", tmp_path)
    with pytest.raises(UsageError, match=r"^--data_valid_fraction=0.15 .* 'cow'"):
        images.split(dataset, jax.random.key(0), 0.15, None)


@pytest.mark.parametrize("classes", [[], ["cat"]])
def test_a_folder_of_fewer_than_two_classes_is_refused(tmp_path, classes):
    for name in classes:
        picture(tmp_path / name / "0.png", 6, 5)
    with pytest.raises(UsageError, match=f"holds {len(classes)} folders"):
        images.load("folder", tmp_path)
    with pytest.raises(UsageError, match="is no folder"):
        images.load("folder", tmp_path / "elsewhere")
