"""Folders of images that cannot be used, each refused with a one-line message."""

import os
import pathlib

import jax
import pytest
from folder_support import laid_out, picture

from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.types import UsageError


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
            lambda home: picture(home / "train/cat/5.tif", 6, 5, dtype="float32"),
            "cat/5.tif cannot be read.*8 bits",
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


def test_damaged_pictures_are_left_out_on_request(tmp_path):
    written = laid_out(tmp_path, "train", "test")
    damaged = ["train/cat/3.png", "train/dog/0.png", "test/dog/9.png"]
    for name in damaged:
        (tmp_path / name).write_bytes(b"noise")
    dataset = registry.load("folder", tmp_path, skip_unreadable=True)
    for part in ("train", "test"):
        kept = sorted(
            (pixels.tobytes(), name.split("/")[1] == "dog")
            for name, pixels in written.items()
            if name.startswith(part) and name not in damaged
        )
        read = getattr(dataset, part)
        found = zip(read.images, read.labels, strict=True)
        assert sorted((x.tobytes(), bool(label)) for x, label in found) == kept
    assert "left out: 3 that cannot be read: " in dataset.note
    assert all(f"{name} (" in dataset.note for name in damaged)


def test_a_class_without_a_readable_picture_is_refused_all_the_same(tmp_path):
    laid_out(tmp_path, "train", "test")
    for number in range(10):
        (tmp_path / f"test/dog/{number}.png").write_bytes(b"noise")
    with pytest.raises(UsageError, match=r"^nothing is left of .*test/dog: 10 "):
        registry.load("folder", tmp_path, skip_unreadable=True)


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
    with pytest.raises(UsageError, match="is not a folder"):
        registry.load("folder", tmp_path / ("n" * 300))
    if os.geteuid() == 0:
        pytest.skip("needs a user who may not read everything")
    laid_out(tmp_path, "train")
    (tmp_path / "train" / "cat").chmod(0)
    with pytest.raises(UsageError, match="cat cannot be read: Permission denied"):
        registry.load("folder", tmp_path)


def test_a_class_of_too_few_pictures_is_named(tmp_path):
    laid_out(tmp_path, "train", "test")
    for part in ("train", "test"):
        picture(tmp_path / part / "cow" / "0.png", 6, 5, 3)
    dataset = registry.load("folder", tmp_path)
    with pytest.raises(UsageError, match=r"^class 'cow' has one image .*add images"):
        images.split(dataset, jax.random.key(0), 0.15, None)


@pytest.mark.parametrize("loose", [[], ["train/0.png"]])
def test_a_train_folder_beside_classes_is_no_part_without_asking(tmp_path, loose):
    names = [
        f"{name}/{session}/{number}.png"
        for name in ("bus", "car", "train")
        for session in ("s1", "s2")
        for number in range(5)
    ]
    for name in (*names, *loose):
        picture(tmp_path / name, 6, 5)
    with pytest.raises(UsageError, match=r"/train may be a part or, .*bus and .*car"):
        registry.load("folder", tmp_path)
    (tmp_path / "train").rename(tmp_path / "railway")
    classes = registry.load("folder", tmp_path).classes
    assert classes == ("bus", "car", "railway")


@pytest.mark.parametrize(
    "split",
    [
        {"cat": ("train", "test"), "dog": ("train", "test")},
        {"cat": ("Training", "val"), "dog": ("Training", "val", "test")},
        {"cat": ("train", "test"), "dog": ("train",)},
    ],
)
def test_parts_within_classes_are_refused(tmp_path, split):
    for name, parts in split.items():
        for part in parts:
            for number in range(5):
                picture(tmp_path / name / part / f"{number}.png", 6, 5)
    with pytest.raises(UsageError, match=r"cat/\w+; put the parts above the classes"):
        registry.load("folder", tmp_path)
    picture(tmp_path / "dog" / "0.png", 6, 5)
    assert registry.load("folder", tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize("inner", [("train", "test"), ("train", "train")])
def test_a_single_part_within_each_class_is_a_folder_of_it(tmp_path, inner):
    for name, part in zip(("cat", "dog"), inner, strict=True):
        for number in range(5):
            picture(tmp_path / name / part / f"{number}.png", 6, 5)
    assert registry.load("folder", tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize("beside", ["test1", "unlabelled"])
def test_pictures_without_labels_may_stand_beside_train(tmp_path, beside):
    laid_out(tmp_path, "train")
    known = registry.load("folder", tmp_path).classes
    picture(tmp_path / beside / "0.png", 6, 5)
    assert registry.load("folder", tmp_path).classes == known


@pytest.mark.parametrize("classes", [[], ["cat"]])
def test_a_folder_of_fewer_than_two_classes_is_refused(tmp_path, classes):
    for name in classes:
        picture(tmp_path / name / "0.png", 6, 5)
    with pytest.raises(UsageError, match=f"holds {len(classes)} folder.* of"):
        registry.load("folder", tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        registry.load("folder", tmp_path / "elsewhere")
