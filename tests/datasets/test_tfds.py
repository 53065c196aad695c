"""``tfds:NAME``: classification data sets prepared by TensorFlow Datasets."""

import json
import pathlib

import numpy as np
import pytest
from prepared_support import (
    Examples,
    features_dict,
    image_feature,
    label_feature,
    prepare_as,
    tfds_class,
)

from gpt_nas_jax.datasets import Dataset, registry
from gpt_nas_jax.types import UsageError

KINDS = ("disc", "square", "cross")
GREY = features_dict(
    id={**tfds_class("text_feature", "Text"), "text": {}},
    image=image_feature(8, 8, 1),
    label=label_feature(3),
)
ANY_SIZE = features_dict(image=image_feature(None, None, 3), label=label_feature(3))


def grey(seed: int, count: int) -> Examples:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 8, 8), np.uint8)
    return [(image, number % 3) for number, image in enumerate(pixels)]


def coloured(count: int) -> Examples:
    random = np.random.default_rng(5)
    sizes = [(10 + number, 8 + 2 * number, 3) for number in range(count)]
    return [
        (random.integers(0, 256, size, np.uint8), number % 3)
        for number, size in enumerate(sizes)
    ]


def load(home: pathlib.Path, name: str = "shapes", side: int = 0) -> Dataset:
    return registry.load(f"tfds:{name}", home, side=side)


def named(folder: pathlib.Path) -> None:
    (folder / "label.labels.txt").write_text("\n".join(KINDS) + "\n", encoding="utf-8")


def test_grey_images_are_read_with_their_classes(tmp_path):
    parts = {"train": grey(0, 12), "test": grey(1, 6), "validation": grey(2, 3)}
    named(prepare_as(tmp_path, "shapes", GREY, parts))
    dataset = load(tmp_path)
    assert (dataset.num_classes, dataset.classes) == (3, KINDS)
    for found, split in ((dataset.train, "train"), (dataset.test, "test")):
        pixels, labels = zip(*parts[split], strict=True)
        np.testing.assert_array_equal(found.images[..., 0], np.stack(pixels))
        assert found.labels.tolist() == [*labels]
        assert (found.images.dtype, found.labels.dtype) == (np.uint8, np.int32)


def test_a_config_has_a_folder_of_its_own(tmp_path):
    parts = {"train": grey(0, 12), "test": grey(1, 6)}
    prepare_as(tmp_path, "shapes/plain", GREY, parts)
    assert len(load(tmp_path, "shapes/plain").train) == 12
    with pytest.raises(UsageError, match="shapes holds no data set prepared"):
        load(tmp_path, "shapes")


def test_validation_images_take_the_place_of_test_images(tmp_path):
    parts = {"train": grey(0, 12), "validation": grey(1, 6)}
    prepare_as(tmp_path, "shapes", GREY, parts)
    dataset = load(tmp_path)
    np.testing.assert_array_equal(
        dataset.test.images[..., 0], np.stack([image for image, _ in grey(1, 6)])
    )


def test_without_test_images_a_fifth_is_set_aside(tmp_path):
    prepare_as(tmp_path, "shapes", GREY, {"train": grey(0, 30)})
    dataset = load(tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (24, 6)
    assert np.bincount(dataset.test.labels).tolist() == [2, 2, 2]


def test_images_of_several_sizes_are_cut_to_one(tmp_path):
    parts = {"train": coloured(6), "test": coloured(3)}
    folder = prepare_as(tmp_path, "shapes", ANY_SIZE, parts)
    with pytest.raises(UsageError) as raised:
        load(tmp_path)
    assert str(raised.value).startswith(
        f"the pictures in {folder} are of 6 sizes: 2 of 8x10 (train[0]), 2 of 10x11 "
        "(train[1])"
    )
    assert str(raised.value).endswith("for instance --data_side=8")
    dataset = load(tmp_path, side=6)
    assert dataset.train.size == dataset.test.size == (6, 6, 3)
    np.testing.assert_array_equal(dataset.train.images[:3], dataset.test.images)


def test_pictures_are_cut_as_those_of_folder_are(tmp_path):
    from PIL import Image

    prepare_as(tmp_path, "shapes", ANY_SIZE, {"train": coloured(9)})
    for number, (pixels, label) in enumerate(coloured(9)):
        file = tmp_path / "folder" / KINDS[label] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    prepared = load(tmp_path, side=6)
    pictures = registry.load("folder", tmp_path / "folder", side=6)
    assert {image.tobytes() for image in prepared.train.images} | {
        image.tobytes() for image in prepared.test.images
    } == {image.tobytes() for image in pictures.train.images} | {
        image.tobytes() for image in pictures.test.images
    }


SEVERAL = {
    **tfds_class("sequence_feature", "Sequence"),
    "sequence": {"feature": label_feature(3)},
}
REFUSED = {
    "no image": (
        features_dict(picture=image_feature(8, 8, 1), label=label_feature(3)),
        "shapes has the features label, picture; image and label are needed",
    ),
    "no picture": (
        features_dict(image=label_feature(2), label=label_feature(3)),
        "shapes: the feature image is ClassLabel, not Image",
    ),
    "several labels": (
        features_dict(image=image_feature(8, 8, 1), label=SEVERAL),
        "shapes: the feature label is Sequence, not ClassLabel",
    ),
    "transparent": (
        features_dict(image=image_feature(8, 8, 4), label=label_feature(3)),
        "shapes: images are uint8 of 4 channels; uint8 of 1 or 3 are needed",
    ),
    "deep": (
        features_dict(
            image=image_feature(8, 8, 1, dtype="uint16"), label=label_feature(3)
        ),
        "shapes: images are uint16 of 1 channels",
    ),
    "fewer classes": (
        features_dict(image=image_feature(8, 8, 1), label=label_feature(2)),
        "labels go from 0 to 2, of 2 classes",
    ),
}


@pytest.mark.parametrize(("features", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_classification_is_refused(tmp_path, features, message):
    prepare_as(tmp_path, "shapes", features, {"train": grey(0, 6), "test": grey(1, 3)})
    with pytest.raises(UsageError) as raised:
        load(tmp_path)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_labels_that_were_not_published_are_refused(tmp_path):
    hidden = [(image, -1) for image, _ in grey(1, 3)]
    prepare_as(tmp_path, "shapes", GREY, {"train": grey(0, 6), "test": hidden})
    with pytest.raises(UsageError, match="labels go from -1 to 2"):
        load(tmp_path)


def test_a_split_to_train_on_is_needed(tmp_path):
    prepare_as(tmp_path, "shapes", GREY, {"test": grey(0, 6)})
    with pytest.raises(UsageError, match="shapes has no split train, but test"):
        load(tmp_path)


def test_a_folder_without_a_version_is_named_with_the_command_that_makes_it(tmp_path):
    (tmp_path / "shapes").mkdir()
    with pytest.raises(UsageError, match="holds no data set prepared as ArrayRecord"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["", "/etc", "../x", "*", "a/b/c", "a b"])
def test_an_impossible_name_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="is not the name of a TFDS data set"):
        load(tmp_path, name)


def test_a_version_without_splits_is_damaged(tmp_path):
    folder = prepare_as(tmp_path, "shapes", GREY, {"train": grey(0, 6)})
    file = folder / "dataset_info.json"
    kept = json.loads(file.read_text(encoding="utf-8")) | {"splits": []}
    file.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(UsageError, match=r"^cannot read .* names no splits"):
        load(tmp_path)
