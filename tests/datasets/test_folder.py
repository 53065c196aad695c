"""A user's own images as a folder, written here with Pillow."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image, features

from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.stages import problem
from gpt_nas_jax.types import UsageError

ROOT = pathlib.Path(__file__).resolve().parents[2]
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
    (tmp_path / "train" / "cat" / "notes.txt").write_text(
        "no picture", encoding="utf-8"
    )
    (tmp_path / "train" / ".cache").mkdir()
    dataset = registry.load("folder", tmp_path)
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
    dataset = registry.load("folder", tmp_path)
    np.testing.assert_array_equal(dataset.test.images[0], written[f"{test}/cat/0.png"])
    assert (len(dataset.train), len(dataset.test)) == (20, 20)


@pytest.mark.parametrize("part", ["train", "."])
def test_of_one_part_a_fifth_of_each_class_is_for_testing(tmp_path, part):
    written = laid_out(tmp_path, part)
    dataset = registry.load("folder", tmp_path)
    assert np.bincount(dataset.train.labels).tolist() == [8, 8]
    assert np.bincount(dataset.test.labels).tolist() == [2, 2]
    assert dataset.classes == ("cat", "dog")
    seen = np.concatenate([dataset.train.images, dataset.test.images])
    expected = sorted(pixels.tobytes() for pixels in written.values())
    assert sorted(pixels.tobytes() for pixels in seen) == expected
    again = registry.load("folder", tmp_path)
    np.testing.assert_array_equal(again.test.images, dataset.test.images)


def test_grey_pictures_have_one_channel_until_one_is_coloured(tmp_path):
    grey = picture(tmp_path / "a" / "0.png", 4, 4)
    for name in ("a/1.png", "a/2.png", "b/0.bmp", "b/1.png", "b/2.webp"):
        picture(tmp_path / name, 4, 4, *((3,) if name.endswith("webp") else ()))
    coloured = registry.load("folder", tmp_path)
    assert coloured.train.size == (4, 4, 3)
    everything = np.concatenate([coloured.train.images, coloured.test.images])
    assert any(np.array_equal(x, grey[..., None].repeat(3, -1)) for x in everything)
    picture(tmp_path / "b" / "2.webp", 4, 4, 3)
    (tmp_path / "b" / "2.webp").unlink()
    picture(tmp_path / "b" / "2.png", 4, 4)
    assert registry.load("folder", tmp_path).train.size == (4, 4, 1)


def test_a_side_resizes_the_short_side_and_keeps_the_centre(tmp_path):
    laid_out(tmp_path, "train")
    wide = picture(tmp_path / "train" / "cat" / "0.png", 24, 48, 3)
    whole = Image.fromarray(wide).resize((12, 6), Image.Resampling.BILINEAR)
    expected = np.asarray(whole)[:, 3:9]
    dataset = registry.load("folder", tmp_path, side=6)
    assert dataset.train.size == (6, 6, 3)
    everything = np.concatenate([dataset.train.images, dataset.test.images])
    assert any(np.array_equal(pixels, expected) for pixels in everything)


def test_whether_to_mirror_can_be_told(tmp_path):
    laid_out(tmp_path, "train")
    for told, flip in (("auto", True), ("yes", True), ("no", False)):
        assert registry.load("folder", tmp_path, flip=told).flip == flip
    assert registry.load("digits", "", flip="yes").flip


def empty_class(home: pathlib.Path) -> None:
    (home / "train" / "cow").mkdir()
    (home / "test" / "cow").mkdir()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (empty_class, "train/cow holds no picture"),
        (lambda home: picture(home / "test/cow/0.png", 6, 5, 3), "class 'cow'"),
        (lambda home: (home / "train").rename(home / "trains"), "no .*train"),
        (
            lambda home: picture(home / "Training/cat/0.png", 6, 5),
            "Training and .*train",
        ),
        (lambda home: picture(home / "Testing/cat/0.png", 6, 5), "Testing and .*test"),
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
        registry.load("folder", tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("count", [2, 10, 13])
def test_all_damaged_pictures_are_named_in_one_line(tmp_path, count):
    written = laid_out(tmp_path, "train", "test")
    # In the order in which they are read.
    damaged = sorted(written, key=lambda name: (name < "train", name[-5], name))
    for name in damaged[:count]:
        (tmp_path / name).write_bytes(b"noise")
    with pytest.raises(UsageError) as raised:
        registry.load("folder", tmp_path)
    message = str(raised.value)
    assert message.startswith(f"{count} pictures in {tmp_path} cannot be read: ")
    assert [name for name in damaged if f"{name} (" in message] == damaged[:count][:10]
    assert ("and 3 more" in message) == (count == 13)
    assert "\n" not in message


def test_all_sizes_are_counted_with_the_side_that_would_do(tmp_path):
    laid_out(tmp_path, "train", "test")
    for name in ("train/cat/a.png", "train/dog/b.png"):
        picture(tmp_path / name, 8, 4, 3)
    picture(tmp_path / "test/dog/c.png", 300, 400, 3)
    with pytest.raises(UsageError) as raised:
        registry.load("folder", tmp_path)
    message = str(raised.value)
    assert "3 sizes: 40 of 5x6 (" in message
    assert "2 of 4x8 (train/cat/a.png) and 1 of 400x300 (test/dog/c.png)" in message
    assert message.endswith("--data_side=4")
    side = int(message.rpartition("=")[2])
    assert registry.load("folder", tmp_path, side=side).train.size == (4, 4, 3)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Train", "Test"),
        ("training", "testing"),
        ("TRAIN", "Validation"),
        ("train", "VAL"),
        ("Training", "valid"),
    ],
)
def test_parts_are_known_by_their_common_names(tmp_path, train, test):
    written = laid_out(tmp_path, train, test)
    dataset = registry.load("folder", tmp_path)
    assert dataset.classes == ("cat", "dog")
    np.testing.assert_array_equal(dataset.test.images[1], written[f"{test}/dog/0.png"])
    assert (len(dataset.train), len(dataset.test)) == (20, 20)


@pytest.mark.parametrize("name", ["test", "Val", "train", "Testing"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_folder_that_holds_pictures_is_a_class_whatever_its_name(
    tmp_path, name, nested
):
    for number in range(5):
        for folder in (name, "bus", "car"):
            picture(tmp_path / folder / f"{number}.png", 4, 4)
        if nested:
            picture(tmp_path / "car" / "more" / f"{number}.png", 4, 4)
    dataset = registry.load("folder", tmp_path)
    assert dataset.classes == tuple(sorted((name, "bus", "car")))
    assert len(dataset.train) + len(dataset.test) == (20 if nested else 15)


def test_pictures_without_classes_are_no_classes(tmp_path):
    for name in ("train/0.png", "test/0.png"):
        picture(tmp_path / name, 4, 4)
    with pytest.raises(
        UsageError, match=r"no folders of classes in .*test and .*train"
    ):
        registry.load("folder", tmp_path)


def test_pictures_in_folders_within_a_class_belong_to_it(tmp_path):
    laid_out(tmp_path, "train", "test")
    deep = picture(tmp_path / "train/dog/sub/Deeper.d/0.png", 6, 5, 3)
    picture(tmp_path / "train/dog/sub/.hidden/0.png", 6, 5, 3)
    (tmp_path / "train/dog/sub/loop").symlink_to(tmp_path / "train/dog")
    dataset = registry.load("folder", tmp_path)
    # After the other dog of that file name, whose path comes first.
    np.testing.assert_array_equal(dataset.train.images[2], deep)
    assert np.bincount(dataset.train.labels).tolist() == [10, 11]


def test_what_systems_leave_behind_is_ignored(tmp_path):
    laid_out(tmp_path, ".")
    picture(tmp_path / "__MACOSX" / "cat" / "._0.png", 4, 4)
    picture(tmp_path / "cat" / "__MACOSX" / "0.png", 4, 4)
    picture(tmp_path / "cat" / ".thumbnails" / "0.png", 4, 4)
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._1.png"):
        (tmp_path / "cat" / name).write_bytes(b"noise")
        (tmp_path / name).write_bytes(b"noise")
    dataset = registry.load("folder", tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert len(dataset.train) + len(dataset.test) == 20
    assert "left out" not in dataset.note


@pytest.mark.parametrize("suffix", [".jfif", ".JPG", ".avif", ".Tiff", ".webp"])
def test_pictures_of_many_kinds_are_read(tmp_path, suffix):
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("needs a Pillow that reads AVIF")
    laid_out(tmp_path, ".")
    pixels = np.full((6, 5, 3), 40, np.uint8)
    plain = "jpeg" if suffix == ".jfif" else suffix[1:]
    Image.fromarray(pixels).save(tmp_path / f"a.{plain}")
    (tmp_path / f"a.{plain}").rename(tmp_path / "cat" / f"a{suffix}")
    dataset = registry.load("folder", tmp_path)
    everything = np.concatenate([dataset.train.images, dataset.test.images])
    assert any(np.all(np.abs(x.astype(int) - 40) < 4) for x in everything)
    assert len(everything) == 21


def test_the_note_tells_what_was_read_and_what_was_left_out(tmp_path):
    laid_out(tmp_path, "train", "test", "val")
    assert registry.load("folder", tmp_path).note == (
        f"{tmp_path}: 40 pictures of 2 classes (cat and dog), 5x6, in colour; 20 to "
        "train on and 20 to test on; left out: the folder val"
    )
    for name in ("cat/1.heic", "cat/2.HEIC", "dog/sub/labels.txt", "loose.png"):
        (tmp_path / "train" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "train" / name).write_bytes(b"noise")
    (tmp_path / "README").write_bytes(b"noise")
    assert registry.load("folder", tmp_path).note.partition("; left out: ")[2] == (
        "2 .heic (convert to JPEG), 1 without a suffix, 1 .png, 1 .txt: README, "
        "train/loose.png, train/cat/1.heic and 2 more; the folder val"
    )


def test_a_test_part_without_classes_is_left_out_and_said(tmp_path):
    laid_out(tmp_path, "train")
    picture(tmp_path / "test" / "0.png", 6, 5, 3)
    dataset = registry.load("folder", tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert dataset.note.endswith(
        "16 to train on and 4 to test on, a fifth of each class; left out: the folder "
        "test (no folders of classes)"
    )
    assert registry.load("digits", "").note == ""


def test_a_class_of_pictures_that_cannot_be_read_says_why(tmp_path):
    laid_out(tmp_path, "train")
    (tmp_path / "train" / "cow").mkdir()
    for name in ("1.heic", "2.heif", "3.heic"):
        (tmp_path / "train" / "cow" / name).write_bytes(b"noise")
    with pytest.raises(UsageError, match=r"cow holds no picture .*2 \.heic \(convert"):
        registry.load("folder", tmp_path)


def test_a_folder_around_the_folder_is_pointed_out(tmp_path):
    laid_out(tmp_path, "archive/train", "archive/test")
    with pytest.raises(UsageError, match=r"or --data_dir=.*/archive is meant$"):
        registry.load("folder", tmp_path)


def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match="is no folder"):
        registry.load("folder", tmp_path / ("n" * 300))
    if os.geteuid() == 0:
        pytest.skip("needs a user who may not read everything")
    laid_out(tmp_path, "train")
    (tmp_path / "train" / "cat").chmod(0)
    with pytest.raises(UsageError, match="cat cannot be read: Permission denied"):
        registry.load("folder", tmp_path)


SCRIPT = """
import hashlib, json, sys
from gpt_nas_jax.datasets import registry
dataset = registry.load("folder", sys.argv[1])
pixels = hashlib.sha256(dataset.train.images.tobytes()).hexdigest()
print(json.dumps([dataset.classes, dataset.train.labels.tolist(), pixels]))
print(dataset.note, file=sys.stderr)
"""


def test_classes_and_order_are_the_same_in_every_locale(tmp_path):
    # Escaped bytes would come after the private use area, which comes before emoji.
    names = ("ä", "z", "\uf8ff", "\U0001f600", "唐")
    for part in ("train", "test"):
        for name in names:
            for number in ("\ue000", "\U0001f601", "a", "é"):
                picture(tmp_path / part / name / f"{number}.png", 2, 2)
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path)],
            cwd=ROOT,
            env={**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0"},
            capture_output=True,
            check=True,
        ).stdout
        for locale in ("C", "C.UTF-8")
    }
    (printed,) = said
    classes, labels, _ = json.loads(printed)
    assert classes == sorted(names)
    assert labels == [0, 1, 2, 3, 4] * 4


def test_the_note_is_printed_as_one_line(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
):
    laid_out(tmp_path, "train", "test")
    config = fields.replace(
        Config(),
        {
            ("data", "name"): "folder",
            ("data", "dir"): str(tmp_path),
            ("retrain", "recipe", "batch"): 4,
        },
    )
    dataset = problem.load_dataset(config)
    assert capfd.readouterr().err == f"{dataset.note}\n"
    problem.load_dataset(fields.replace(config, {("data", "name"): "digits"}))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("sizes", [(200, 3), (3,) * 30])
def test_few_pictures_of_a_class_are_enough_for_a_search(tmp_path, sizes):
    for label, size in enumerate(sizes):
        for number in range(size):
            picture(tmp_path / f"{label:03}" / f"{number}.png", 2, 2)
    dataset = registry.load("folder", tmp_path)
    parts = images.split(dataset, jax.random.key(0), 0.15, None)
    for part in (parts.train, parts.valid, parts.test):
        assert len(np.unique(part.labels)) == len(sizes)


def test_a_class_of_too_few_pictures_is_named(tmp_path):
    laid_out(tmp_path, "train", "test")
    for part in ("train", "test"):
        picture(tmp_path / part / "cow" / "0.png", 6, 5, 3)
    dataset = registry.load("folder", tmp_path)
    with pytest.raises(UsageError, match=r"^class 'cow' has one image .*add images"):
        images.split(dataset, jax.random.key(0), 0.15, None)


@pytest.mark.parametrize("classes", [[], ["cat"]])
def test_a_folder_of_fewer_than_two_classes_is_refused(tmp_path, classes):
    for name in classes:
        picture(tmp_path / name / "0.png", 6, 5)
    with pytest.raises(UsageError, match=f"holds {len(classes)} folder.* of"):
        registry.load("folder", tmp_path)
    with pytest.raises(UsageError, match="is no folder"):
        registry.load("folder", tmp_path / "elsewhere")
