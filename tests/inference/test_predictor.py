"""Predictions for arrays and image files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from inference_support import CLASSES, predictor, saved
from PIL import Image

from gpt_nas_jax.types import UsageError

IMAGE = (8, 8, 1)


def pixels(count: int, image: tuple[int, int, int] = IMAGE) -> np.ndarray:
    """Images from dark to bright."""
    noise = np.random.default_rng(0).integers(1, 60, (count, *image))
    brightness = np.linspace(0, 195, count).reshape(-1, 1, 1, 1)
    return (noise + brightness).astype(np.uint8)


@pytest.mark.parametrize("batch", [None, 4, 16])
def test_probabilities_are_those_of_flax_alone(
    random_variables: Callable[..., Any], batch: int | None
) -> None:
    network, images = saved(IMAGE, random_variables), pixels(11)
    names, found = predictor(IMAGE, random_variables).predict(images, batch=batch)
    x = ((images / 255 - 0.4) / 0.3).astype(np.float32)
    logits = network.chain.apply(network.variables, x)
    np.testing.assert_allclose(found, jax.nn.softmax(logits), atol=1e-5)
    assert names == tuple(CLASSES[label] for label in np.argmax(logits, -1))
    assert len({*names}) > 1


def test_greyscale_images_may_lack_the_axis_of_channels(
    random_variables: Callable[..., Any],
) -> None:
    asked = predictor(IMAGE, random_variables)
    images = pixels(3)
    with_axis, without = asked.predict(images), asked.predict(images[..., 0])
    np.testing.assert_array_equal(with_axis.probabilities, without.probabilities)
    np.testing.assert_array_equal(with_axis.labels, with_axis.probabilities.argmax(-1))


SIXTEENTHS = np.full((2, 8, 8), 16.0)


@pytest.mark.parametrize(
    ("images", "line"),
    [
        (SIXTEENTHS, r"float64\[2, 8, 8\] from 16 to 16; .*astype\(numpy.uint8\)"),
        (pixels(2, (28, 28, 1)), r"uint8\[2, 28, 28, 1\] .*uint8\[N, 8, 8, 1\]"),
        (pixels(2, (8, 8, 3)), r"uint8\[2, 8, 8, 3\]"),
        (pixels(1)[0], r"uint8\[8, 8, 1\]"),
        (pixels(2) / 255, r"float64\[2, 8, 8, 1\] from 0\S+ to 0\S+; "),
        (pixels(0), r"uint8\[0, 8, 8, 1\]; "),
        (None, r"object\[\]; "),
        ([], "no picture"),
        ([pixels(1)[0], pixels(1, (9, 8, 1))[0]], "differ in size, .* of one size as"),
        ([pixels(1)[0], pixels(1)[0, ..., 0]], "differ in size, .* of one size as"),
        (["a.png", pixels(1)[0]], "some are no arrays; .* or paths only"),
        (iter([pixels(1)[0], Path("a.png")]), "some are no arrays; .* or paths only"),
    ],
)
def test_images_of_another_kind_are_refused_in_one_line(
    random_variables: Callable[..., Any], images: Any, line: str
) -> None:
    with pytest.raises(UsageError, match=line) as refused:
        predictor(IMAGE, random_variables).predict(images)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("batch", [0, -1, 1.5, 4.0, True, "4"])
def test_a_batch_that_is_no_number_of_images_is_refused(
    random_variables: Callable[..., Any], tmp_path: Path, batch: Any
) -> None:
    asked, images = predictor(IMAGE, random_variables), pixels(2)
    line = rf"batch is {batch!r}; give a whole number, 1 or more"
    with pytest.raises(UsageError, match=line):
        asked.predict(images, batch)
    with pytest.raises(UsageError, match=line):
        next(asked.answers(written(tmp_path / "in", images), batch=batch))


@pytest.mark.parametrize("brightest", [0, 1, 16])
def test_dark_images_are_answered_as_their_pictures(
    random_variables: Callable[..., Any], tmp_path: Path, brightest: int
) -> None:
    asked, images = predictor(IMAGE, random_variables), pixels(2) % (brightest + 1)
    expected = asked.predict(written(tmp_path / "in", images)).probabilities
    with pytest.warns(UserWarning, match=f"from 0 to {brightest}; .*unless they are"):
        found = asked.predict(images)
    np.testing.assert_array_equal(found.probabilities, expected)


def written(folder: Path, images: np.ndarray) -> list[Path]:
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image[..., 0]).save(path)
    return paths


def test_pictures_are_answered_as_their_pixels(
    random_variables: Callable[..., Any], tmp_path: Path
) -> None:
    asked, images = predictor(IMAGE, random_variables), pixels(5)
    paths = written(tmp_path / "in" / "it", images)
    expected = asked.predict(images).probabilities
    for given in (tmp_path, [str(path) for path in paths], iter(paths)):
        np.testing.assert_array_equal(asked.predict(given).probabilities, expected)
    one = asked.predict(paths[3]).probabilities
    np.testing.assert_allclose(one, expected[3:4], atol=1e-6)


def test_each_picture_has_an_answer_or_a_reason(
    random_variables: Callable[..., Any], tmp_path: Path
) -> None:
    asked, images = predictor(IMAGE, random_variables), pixels(3)
    paths = written(tmp_path / "a", images)
    (tmp_path / "b.png").write_bytes(paths[0].read_bytes()[:40])
    (large,) = written(tmp_path / "c", pixels(1, (28, 28, 1)))
    mixed = [paths[0], tmp_path / "b.png", paths[1], large, paths[2]]
    answers = list(asked.answers(mixed, count=2, batch=2))
    assert [answer.path for answer in answers] == mixed
    broken, other = answers[1], answers[3]
    assert broken.reason and not broken.best
    assert other.reason == "it is 28x28, the network was trained on 8x8"
    expected = asked.predict(images).probabilities
    for answer, row in zip((answers[0], answers[2], answers[4]), expected, strict=True):
        assert answer.reason is None
        order = np.argsort(-row)[:2]
        assert [name for name, _ in answer.best] == [CLASSES[at] for at in order]
        np.testing.assert_allclose([p for _, p in answer.best], row[order], atol=1e-6)


def test_what_is_no_picture_is_refused(
    random_variables: Callable[..., Any], tmp_path: Path
) -> None:
    asked = predictor(IMAGE, random_variables)
    with pytest.raises(UsageError, match=r"nowhere.png is neither a picture"):
        asked.predict(tmp_path / "nowhere.png")
    with pytest.raises(UsageError, match=r"holds no picture"):
        asked.predict(tmp_path)
    (tmp_path / "a.png").write_text("no", encoding="utf-8")
    with pytest.raises(UsageError, match=r"a.png cannot be read as a picture"):
        asked.predict(tmp_path)
