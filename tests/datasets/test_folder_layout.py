"""Which folders are parts, which are classes, and what the note says about them."""

import pathlib

import numpy as np
import pytest
from folder_support import laid_out, picture

from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.datasets import registry
from gpt_nas_jax.stages import problem
from gpt_nas_jax.types import UsageError


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
    # It follows dog/0.png, which has the same file name and a path that sorts first.
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


def test_a_test_part_without_classes_is_left_out_and_noted(tmp_path):
    laid_out(tmp_path, "train")
    picture(tmp_path / "test" / "0.png", 6, 5, 3)
    dataset = registry.load("folder", tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert dataset.note.endswith(
        "16 to train on and 4 to test on, a fifth of each class; left out: the folder "
        "test (no folders of classes)"
    )
    assert registry.load("digits", "").note == ""


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
