"""Pictures are prepared in the same way as for training."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpt_nas_jax.config import DataConfig
from gpt_nas_jax.datasets import pictures, preparation, registry
from gpt_nas_jax.datasets.pictures import UnreadableError
from gpt_nas_jax.datasets.preparation import Preparation
from gpt_nas_jax.types import UsageError


def photo(path: Path, width: int, height: int, mode: str = "RGB") -> Path:
    values = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    image = Image.fromarray(values).resize((4 * width, 4 * height)).convert(mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def test_pictures_of_a_folder_are_read_as_the_data_set_was(tmp_path: Path) -> None:
    for number in range(8):
        kind = "L" if number % 3 else "RGB"
        photo(tmp_path / "ab"[number % 2] / f"{number}.png", 9 + number, 12, kind)
    # A picture taken with the camera held sideways.
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(tmp_path / "a" / "0.png") as image:
        image.convert("RGB").save(tmp_path / "a" / "x.jpg", exif=exif)
    dataset = registry.load("folder", tmp_path, side=8)
    config = DataConfig(name="folder", side=8)
    prepare = preparation.of(config, dataset)
    ours = np.stack([prepare.read(path) for path in preparation.found(tmp_path)])
    theirs = np.concatenate([dataset.train.pixels(), dataset.test.pixels()])
    assert sorted(a.tobytes() for a in ours) == sorted(a.tobytes() for a in theirs)
    # Written to JSON and read back.
    described = {"image": [8, 8, 3], **prepare.to_json(), "prepare": prepare.to_json()}
    kept = json.loads(json.dumps(described))
    assert preparation.from_architecture(kept, DataConfig()) == prepare
    # Without the entry, the preparation follows from the settings.
    del kept["prepare"]
    assert preparation.from_architecture(kept, config).resize == 8
    assert preparation.from_architecture(kept, DataConfig()).resize == 0
    del kept["mean"]
    with pytest.raises(UsageError, match="lacks mean"):
        preparation.from_architecture(kept, config)


@pytest.mark.parametrize("size", [(60, 90), (20, 15)])
def test_pictures_are_cut_as_those_of_imagenet(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = photo(tmp_path / "a.jpg", *size)
    kept = {"image": [56, 56, 3], "mean": [0.5] * 3, "std": [0.2] * 3}
    prepare = preparation.from_architecture(kept, DataConfig(name="imagenet2012"))
    assert prepare.resize == 64
    expected = pictures.decode_centre(path.read_bytes(), 56)
    np.testing.assert_array_equal(prepare.read(path), expected)


@pytest.mark.parametrize("name", ["imagenet2012", "tfds:photos"])
def test_pictures_are_turned_only_where_those_of_the_training_were(
    tmp_path: Path, name: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(photo(tmp_path / "plain.png", 30, 30)) as image:
        image.save(tmp_path / "sideways.jpg", exif=exif)
        image.save(tmp_path / "plain.jpg")
    kept = {"image": [28, 28, 3], "mean": [0.5] * 3, "std": [0.2] * 3}
    sideways, plain = tmp_path / "sideways.jpg", tmp_path / "plain.jpg"
    config = DataConfig(name=name, side=28)
    prepare = preparation.from_architecture(kept, config)
    np.testing.assert_array_equal(prepare.read(sideways), prepare.read(plain))
    kept |= {"prepare": prepare.to_json()}
    assert preparation.from_architecture(kept, DataConfig()) == prepare
    folder = preparation.from_architecture(
        {**kept, "prepare": {**prepare.to_json(), "upright": True}}, config
    )
    assert (folder.read(sideways) != folder.read(plain)).any()


def test_colours_become_grey_for_a_network_of_one_channel(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", 3, 4)
    prepare = Preparation((16, 12, 1), 0, 255, (0.5,), (0.2,), upright=True)
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"))
    np.testing.assert_array_equal(prepare.read(path)[..., 0], grey)


def test_pictures_of_another_size_or_depth_have_a_reason(tmp_path: Path) -> None:
    prepare = Preparation((8, 8, 1), 0, 255, (0.5,), (0.2,), upright=True)
    with pytest.raises(UnreadableError, match=r"it is 12x16, .* trained on 8x8"):
        prepare.read(photo(tmp_path / "a.png", 3, 4))
    deep = np.full((8, 8), 200, np.uint16)
    Image.fromarray(257 * deep).save(tmp_path / "deep.png")
    Image.fromarray(deep.astype(np.float32)).save(tmp_path / "real.tif")
    with pytest.raises(UnreadableError, match="not 8 bits a channel"):
        prepare.read(tmp_path / "real.tif")
    np.testing.assert_array_equal(prepare.read(tmp_path / "deep.png")[..., 0], deep)


def test_the_range_is_the_one_of_the_training_images() -> None:
    prepare = Preparation((2, 2, 1), 0, 16, (0.5,), (0.2,), upright=True)
    ink = np.full((1, 2, 2, 1), 9, np.uint8)
    np.testing.assert_array_equal(prepare.accepted(ink), ink)
    with pytest.raises(UsageError, match=r"from 252 to 252; .* 0 to 16"):
        prepare.accepted(28 * ink)


@pytest.mark.parametrize(
    ("trained", "given", "doubtful"),
    [
        # A mask, or fractions that were rounded; or dark images.
        (255, 0, True),
        (255, 1, True),
        # The scale of digits, or dark images.
        (255, 16, True),
        (200, 16, True),
        (16, 1, True),
        # Dark images.
        (255, 31, False),
        (255, 17, False),
        (100, 10, False),
        (16, 2, False),
        (1, 1, False),
        (1, 0, False),
        # Bright ones.
        (100, 255, False),
    ],
)
def test_dark_images_are_taken_as_they_are_whatever_scale_they_may_have(
    trained: int, given: int, doubtful: bool
) -> None:
    prepare = Preparation((2, 2, 1), 0, trained, (0.5,), (0.2,), upright=True)
    images = np.array([0, 0, given // 2, given], np.uint8).reshape(1, 2, 2, 1)
    with warnings.catch_warnings(record=True, action="always") as caught:
        np.testing.assert_array_equal(prepare.accepted(images), images)
    lines = [str(one.message) for one in caught]
    assert len(lines) == doubtful
    assert all(f"to {given}; " in one and f" 0 to {trained}: " in one for one in lines)


@pytest.mark.parametrize(("trained", "given"), [(16, 255), (1, 255)])
def test_images_that_are_far_too_bright_are_refused(trained: int, given: int) -> None:
    prepare = Preparation((2, 2, 1), 0, trained, (0.5,), (0.2,), upright=True)
    images = np.full((1, 2, 2, 1), given, np.uint8)
    with pytest.raises(UsageError, match=f"to {given}; .* 0 to {trained}: scale"):
        prepare.accepted(images)
