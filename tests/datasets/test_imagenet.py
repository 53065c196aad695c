"""ImageNet streamed from disk, with 200 training images that are written here."""

import contextlib
import dataclasses
import io
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from imagenet_support import CLASSES, TEST, TRAIN, example, photo, prepare_imagenet
from PIL import Image

from gpt_nas_jax.datasets import images, pictures, registry
from gpt_nas_jax.types import UsageError

SIDE = 32


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    home = tmp_path_factory.mktemp("tfds")
    prepare_imagenet(home)
    return home


def load(home: pathlib.Path, workers: int = 0) -> images.Dataset:
    return registry.load("imagenet2012", home, side=SIDE, workers=workers)


def test_all_images_are_there_with_their_labels(home):
    # The second time, labels come from a cache.
    for dataset in (load(home), load(home)):
        assert dataset.num_classes == CLASSES
        assert dataset.train.size == (SIDE, SIDE, 3)
        for part, size in ((dataset.train, TRAIN), (dataset.test, TEST)):
            expected = [number * 5 % CLASSES for number in range(size)]
            assert part.labels.tolist() == expected


def test_the_reading_of_labels_is_reported_once(tmp_path):
    prepare_imagenet(tmp_path)
    seen: list[tuple[str, int, list[int]]] = []

    @contextlib.contextmanager
    def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
        counts: list[int] = []
        seen.append((title, total, counts))
        yield counts.append

    for _ in range(2):
        registry.load("imagenet2012", tmp_path, progress=progress)
    # The second time, cached labels are read without a report.
    parts = [("train", TRAIN), ("validation", TEST)]
    for (title, total, counts), (part, size) in zip(seen, parts, strict=True):
        assert part in title
        assert total == sum(counts) == size


def test_classes_have_the_names_that_were_prepared(tmp_path):
    folder = prepare_imagenet(tmp_path)
    assert load(tmp_path).classes == ()
    names = tuple(f"n{number:08}" for number in range(CLASSES))
    (folder / "label.labels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    assert load(tmp_path).classes == names


def test_without_a_side_images_have_the_usual_one(home):
    assert registry.load("imagenet2012", home).train.size == (224, 224, 3)


def test_measuring_sees_the_centre_of_each_image(home):
    rows = np.array([7, 3, 150])
    seen = load(home).train.take(rows).pixels()
    assert (seen.dtype, seen.shape) == (np.uint8, (3, SIDE, SIDE, 3))
    for pixels, row in zip(seen, rows, strict=True):
        whole = photo(row * 5 % CLASSES, row)
        # The short side is resized to 37 pixels, of which the central 32 are kept.
        kept = round(min(whole.shape[:2]) * SIDE / 37)
        top, left = ((length - kept) // 2 for length in whole.shape[:2])
        part = whole[top : top + kept, left : left + kept]
        np.testing.assert_allclose(pixels.mean((0, 1)), part.mean((0, 1)), atol=4)


@pytest.mark.slow
def test_batches_are_the_same_however_many_processes_decode(home):
    rows = np.random.default_rng(0).permutation(TRAIN)[:48]
    plan = [(int(row), 5) for row in rows]
    alone, helped = (
        list(load(home, workers).train.augmented(16, plan, flip=True))
        for workers in (0, 2)
    )
    assert [pixels.shape for pixels, _ in alone] == [(16, SIDE, SIDE, 3)] * 3
    for ours, theirs in zip(helped, alone, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    labels = np.concatenate([batch for _, batch in alone])
    np.testing.assert_array_equal(labels, rows * 5 % CLASSES)


def test_an_image_is_augmented_by_seed_and_image_alone(home):
    train = load(home).train

    def one(rows: list[int], seed: int, flip: bool = True) -> np.ndarray:
        plan = [(row, seed) for row in rows]
        ((pixels, _),) = train.augmented(len(rows), plan, flip)
        return pixels[rows.index(9)]

    first = one([9, 4], seed=1)
    np.testing.assert_array_equal(one([8, 100, 9], seed=1), first)
    assert not np.array_equal(one([9], seed=2), first)
    # Half of all seeds mirror the crop; the crop itself is the same without mirroring.
    plain = [one([9], seed, flip=False) for seed in range(12)]
    mirrored = [one([9], seed) for seed in range(12)]
    same = [np.array_equal(a, b) for a, b in zip(plain, mirrored, strict=True)]
    assert 0 < sum(same) < 12
    for a, b in zip(plain, mirrored, strict=True):
        assert np.array_equal(a, b) or np.array_equal(a[:, ::-1], b)


def test_random_crops_have_the_expected_areas_and_ratios():
    """Takes 2,000 crops of a picture in which each pixel encodes its position."""
    height, width = 60, 64
    place = np.zeros((height, width, 3), np.uint8)
    place[..., 0] = np.arange(width) * 2
    place[..., 1] = np.arange(height)[:, None] * 4
    buffer = io.BytesIO()
    Image.fromarray(place).save(buffer, "PNG")
    areas, ratios = [], []
    for seed in range(2000):
        random = np.random.default_rng(seed)
        part = pictures.decode_random(buffer.getvalue(), 16, False, random).astype(int)
        # Measured from the centre of the first pixel to that of the last.
        w = (part[8, -1, 0] - part[8, 0, 0]) / 2 * 16 / 15
        h = (part[-1, 8, 1] - part[0, 8, 1]) / 4 * 16 / 15
        areas.append(w * h / (height * width))
        ratios.append(w / h)
    assert 0.06 < min(areas) < 0.12
    assert 0.85 < max(areas) <= 1.1
    # Uniform in area, except for large crops that do not fit.
    assert np.mean(areas) == pytest.approx(0.49, abs=0.04)
    assert 0.6 < min(ratios) < 0.85
    assert 1.2 < max(ratios) < 1.6


def overwrite(data: bytes) -> Callable[[pathlib.Path], int]:
    return lambda path: path.write_bytes(data)


@pytest.mark.parametrize(
    ("file", "damage", "named"),
    [
        ("train.array_record-00002-of-00004", pathlib.Path.unlink, "3 of 4 files"),
        ("validation.array_record-00000-of-00002", overwrite(b""), "cannot read"),
        ("train.array_record-00000-of-00004", overwrite(b"noise" * 20_000), "cannot"),
    ],
)
def test_a_damaged_directory_is_named_in_one_line(tmp_path, file, damage, named):
    folder = prepare_imagenet(tmp_path)
    damage(folder / f"imagenet2012-{file}")
    with pytest.raises(UsageError, match=named) as raised:
        load(tmp_path)
    assert str(folder) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_an_image_that_cannot_be_decoded_is_named(home, workers):
    train = load(home, workers).train.take(np.arange(2))
    noise = dataclasses.replace(train, records=[b"", example(b"noise", 3, 1)])
    with pytest.raises(UsageError, match=r"record [01] cannot be decoded") as raised:
        list(noise.plain(1))
    assert "\n" not in str(raised.value)


def test_without_it_the_message_says_how_to_prepare_it(tmp_path):
    with pytest.raises(UsageError, match=r"'imagenet2012'.*download_and_prepare"):
        load(tmp_path)
