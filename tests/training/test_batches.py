"""Batches assembled on the device against NumPy."""

import dataclasses

import jax
import numpy as np

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.training.batches import DeviceImages, plain_batch, training_batch

PLAIN = Recipe(batch=4, pad=0)


def normalised(data: DeviceImages, rows: np.ndarray) -> np.ndarray:
    pixels = np.asarray(data.images)[rows] / 255
    return (pixels - np.asarray(data.mean)) / np.asarray(data.std)


def test_a_step_takes_its_row_of_the_order(digits: DeviceImages) -> None:
    order = np.arange(12).reshape(3, 4)[:, ::-1]
    x, labels = training_batch(PLAIN, digits, jax.random.key(0), order, 1)
    np.testing.assert_allclose(x, normalised(digits, order[1]), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(labels, np.asarray(digits.labels)[order[1]])


def test_every_step_is_augmented_in_its_own_way(digits: DeviceImages) -> None:
    recipe = dataclasses.replace(PLAIN, pad=2)
    order = np.zeros((2, 4), np.int32)
    first, second = (
        training_batch(recipe, digits, jax.random.key(0), order, step)[0]
        for step in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_plain_batches_cover_all_images_once(digits: DeviceImages) -> None:
    seen, size = [], 64
    for start in range(0, len(digits), size):
        x, labels = plain_batch(size, digits, start)
        rows = np.arange(start, min(start + size, len(digits)))
        np.testing.assert_allclose(
            x[: len(rows)], normalised(digits, rows), rtol=1e-5, atol=1e-5
        )
        assert np.all(np.asarray(labels)[len(rows) :] == -1)
        seen += np.asarray(labels)[: len(rows)].tolist()
    assert seen == np.asarray(digits.labels).tolist()
