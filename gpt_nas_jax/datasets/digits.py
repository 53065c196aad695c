"""Handwritten digits that come with scikit-learn: the data set that needs no file."""

import numpy as np

from gpt_nas_jax.datasets.images import Dataset, Images, with_test


def load() -> Dataset:
    """Load 1,797 images of 8x8x1 in 10 classes, 359 of them for testing.

    The source has no test images, so a fifth of each class is set aside, the same in
    every run whatever its seed. Source: E. Alpaydin and C. Kaynak, Optical Recognition
    of Handwritten Digits, UCI Machine Learning Repository, 1998.
    """
    # Importing scikit-learn takes a second, which other data sets need not wait.
    from sklearn.datasets import load_digits

    source = load_digits()
    # Pixels count the ink in a 4x4 cell, 0 to 16.
    pixels = np.rint(source.images[..., None] * (255 / 16)).astype(np.uint8)
    digits = Images(pixels, source.target.astype(np.int32))
    names = tuple(map(str, source.target_names))
    return with_test("digits", 10, digits, flip=False, classes=names)
