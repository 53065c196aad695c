"""A user's own images in a folder: which of them are read, and how."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from folder_support import laid_out, picture
from PIL import Image, features

from gpt_nas_jax.datasets import images, pictures, registry

ROOT = pathlib.Path(__file__).resolve().parents[2]


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
def test_a_fifth_of_each_class_of_a_single_part_is_for_testing(tmp_path, part):
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
    (tmp_path / "b" / "2.webp").unlink()
    picture(tmp_path / "b" / "2.png", 4, 4)
    assert registry.load("folder", tmp_path).train.size == (4, 4, 1)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_greyscale_of_16_bits_is_scaled_to_8(tmp_path, suffix):
    laid_out(tmp_path, ".")
    deep = np.linspace(0, 65535, 30).astype(np.uint16).reshape(6, 5)
    Image.fromarray(deep).save(tmp_path / "cat" / f"deep.{suffix}")
    dataset = registry.load("folder", tmp_path)
    everything = np.concatenate([dataset.train.images, dataset.test.images])
    expected = np.rint(deep / 257).astype(np.uint8)[..., None].repeat(3, -1)
    assert any(np.array_equal(pixels, expected) for pixels in everything)


@pytest.mark.parametrize("highest", [4095, 65535])
def test_a_deep_pgm_is_read_as_the_png_of_the_same_pixels(tmp_path, highest):
    levels = np.linspace(0, highest, 30).astype(np.uint16).reshape(6, 5)
    header = f"P5 5 6 {highest}\n".encode()
    (tmp_path / "a.pgm").write_bytes(header + levels.astype(">u2").tobytes())
    scaled = np.rint(levels * (65535 / highest)).astype(np.uint16)
    Image.fromarray(scaled).save(tmp_path / "a.png")
    pgm, png = (pictures.read(tmp_path / f"a.{kind}", 0) for kind in ("pgm", "png"))
    np.testing.assert_array_equal(pgm, png, strict=True)
    assert (png.shape, png.min(), png.max()) == ((6, 5, 1), 0, 255)


def test_greyscale_of_32_bits_is_refused(tmp_path):
    Image.fromarray(np.full((6, 5), 70_000, np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(pictures.UnreadableError, match="pixels of type I, not 8 bits"):
        pictures.read(tmp_path / "a.tif", 0)


def test_a_side_resizes_the_short_side_and_keeps_the_centre(tmp_path):
    laid_out(tmp_path, "train")
    wide = picture(tmp_path / "train" / "cat" / "0.png", 24, 48, 3)
    whole = Image.fromarray(wide).resize((12, 6), Image.Resampling.BILINEAR)
    expected = np.asarray(whole)[:, 3:9]
    dataset = registry.load("folder", tmp_path, side=6)
    assert dataset.train.size == (6, 6, 3)
    everything = np.concatenate([dataset.train.images, dataset.test.images])
    assert any(np.array_equal(pixels, expected) for pixels in everything)


def test_mirroring_can_be_set(tmp_path):
    laid_out(tmp_path, "train")
    for told, flip in (("auto", True), ("yes", True), ("no", False)):
        assert registry.load("folder", tmp_path, flip=told).flip == flip
    assert registry.load("digits", "", flip="yes").flip


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


SCRIPT = """
import hashlib, json, sys
from gpt_nas_jax.datasets import registry
dataset = registry.load("folder", sys.argv[1])
pixels = hashlib.sha256(dataset.train.images.tobytes()).hexdigest()
print(json.dumps([dataset.classes, dataset.train.labels.tolist(), pixels]))
print(dataset.note, file=sys.stderr)
"""


def test_classes_and_order_are_the_same_in_every_locale(tmp_path):
    # In the C locale, Python escapes the non-ASCII bytes of these names.
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


@pytest.mark.parametrize("sizes", [(200, 3), (3,) * 30])
def test_few_pictures_of_a_class_are_enough_for_a_search(tmp_path, sizes):
    for label, size in enumerate(sizes):
        for number in range(size):
            picture(tmp_path / f"{label:03}" / f"{number}.png", 2, 2)
    dataset = registry.load("folder", tmp_path)
    parts = images.split(dataset, jax.random.key(0), 0.15, None)
    for part in (parts.train, parts.valid, parts.test):
        assert len(np.unique(part.labels)) == len(sizes)


def test_a_class_whose_name_is_not_utf_8_can_be_written(tmp_path):
    for part in ("train", "test"):
        laid_out(tmp_path, part)
        folder = os.fsencode(tmp_path / part)
        os.rename(folder + b"/cat", folder + b"/caf\xe9")
    dataset = registry.load("folder", tmp_path)
    assert dataset.classes == (r"caf\xe9", "dog")
    "".join(dataset.classes).encode()
    assert np.bincount(dataset.train.labels).tolist() == [10, 10]
