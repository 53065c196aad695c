"""Sums of the pixels of many or large images."""

import tracemalloc

import numpy as np
import pytest

from gpt_nas_jax.datasets import moments


@pytest.mark.parametrize(
    "shape",
    [(2000, 64, 64, 1), (8, 1024, 1000, 1), (3, 1100, 1300, 2), (1, 4096, 2000, 1)],
)
def test_sums_are_exact_and_take_little_memory(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    flat = pixels.reshape(-1, shape[-1])
    expected = [flat.sum(0, np.int64), np.square(flat, dtype=np.int64).sum(0)]
    tracemalloc.start()
    try:
        found = moments.sums(pixels)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found, expected)
    # Eight bytes for every pixel at once would be 30 MB or more.
    assert peak < 20e6
