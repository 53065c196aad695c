"""A user's own images in an ``.npz`` file."""

from typing import Any

import numpy as np
import pytest

from gpt_nas_jax.datasets import registry
from gpt_nas_jax.types import UsageError

RANDOM = np.random.default_rng(0)
KERAS = ("x_train", "y_train", "x_test", "y_test")
MEDMNIST = ("train_images", "train_labels", "test_images", "test_labels")


def arrays(*shape: int) -> tuple[np.ndarray, ...]:
    """Training images and labels of three classes, then test images and labels."""
    parts = []
    for size in (30, 9):
        parts.append(RANDOM.integers(0, 256, (size, *shape), dtype=np.uint8))
        parts.append(np.arange(size) % 3)
    return tuple(parts)


def ragged(size: int) -> np.ndarray:
    """Images of two sizes, as an object array."""
    found = np.empty(size, object)
    for row in range(size):
        found[row] = np.zeros((5, 4 + row % 2, 3), np.uint8)
    return found


@pytest.mark.parametrize("names", [KERAS, MEDMNIST])
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_both_naming_schemes_are_read(tmp_path, names, shape):
    x, y, x_test, y_test = arrays(*shape)
    given = x, y[:, None].astype(np.uint8), x_test, y_test
    file = tmp_path / "own.npz"
    np.savez_compressed(
        file, **dict(zip(names, given, strict=True)), val_images=np.zeros(3)
    )
    dataset = registry.load("npz", file)
    assert (dataset.num_classes, dataset.flip) == (3, True)
    size = (*shape, 1)[:3]
    for part, pixels, labels in (
        (dataset.train, x, y),
        (dataset.test, x_test, y_test),
    ):
        assert part.size == size
        np.testing.assert_array_equal(part.images, pixels.reshape(-1, *size))
        np.testing.assert_array_equal(part.labels, labels)
        assert part.labels.dtype == np.int32


def test_without_a_test_part_a_fifth_of_each_class_is_set_aside(tmp_path):
    x, y, *_ = arrays(5, 4)
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y)
    dataset = registry.load("npz", tmp_path / "own.npz")
    assert np.bincount(dataset.train.labels).tolist() == [8] * 3
    assert np.bincount(dataset.test.labels).tolist() == [2] * 3


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"x_train": None}, "x_train, y_train"),
        ({"y_test": None}, "x_test"),
        ({"x_train": np.zeros((30, 5, 4))}, "x_train is float64"),
        ({"x_train": np.zeros((30, 3, 5, 4), np.uint8)}, "x_train.*channels"),
        ({"x_train": np.zeros((30, 20), np.uint8)}, "x_train"),
        ({"x_test": np.zeros((9, 5, 5), np.uint8)}, "x_train.*x_test"),
        ({"y_train": np.arange(29) % 3}, "y_train.*one for each"),
        ({"y_train": np.zeros((30, 14), int)}, "y_train.*one for each"),
        ({"y_train": np.arange(30) % 3 / 1}, "y_train is float64"),
        ({"y_train": np.arange(30) % 3 - 1}, "y_train.*0 to K - 1"),
        ({"y_train": np.arange(30) % 3 * 2}, "y_train.*0 to K - 1"),
        ({"y_train": np.zeros(30, int)}, "y_train.*two or more"),
        ({"y_train": np.full(30, 2**40)}, "y_train.*0 to K - 1"),
        ({"y_test": np.full(9, 3)}, "y_test"),
        (
            {"y_test": np.array([object()] * 9)},
            r"Python objects, .*in y_test; save .*labels as integers \[N\]",
        ),
        (
            {"x_train": ragged(30), "x_test": ragged(9)},
            r"in x_test, x_train; save images as one uint8 array \[N, H, W, C\]",
        ),
        ({"y_train": np.array([[0], 1] * 15, object)}, "in y_train; save"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(
    tmp_path, changes: dict[str, Any], named: str
):
    held = dict(zip(KERAS, arrays(5, 4), strict=True)) | changes
    file = tmp_path / "own.npz"
    np.savez(file, **{name: value for name, value in held.items() if value is not None})
    with pytest.raises(UsageError, match=named) as raised:
        registry.load("npz", file)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_or_broken_file_is_named(tmp_path):
    file = tmp_path / "own.npz"
    with pytest.raises(UsageError, match=str(file)):
        registry.load("npz", file)
    file.write_bytes(b"noise")
    with pytest.raises(UsageError, match=str(file)):
        registry.load("npz", file)


def test_objects_that_nobody_reads_are_left_alone(tmp_path):
    x, y, *_ = arrays(5, 4)
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y, names=ragged(3))
    assert registry.load("npz", tmp_path / "own.npz").train.size == (5, 4, 1)
