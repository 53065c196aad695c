"""Handwritten digits that come with scikit-learn: the data set that needs no file."""

import numpy as np

from gpt_nas_jax.datasets.images import Dataset, Images, with_test
from gpt_nas_jax.datasets.source import Source


def load(source: Source) -> Dataset:
    """Load 1,797 images of 8x8x1 in 10 classes, 359 of them for testing.

    Nothing of ``source`` is read: scikit-learn holds them. It has no test images, so a
    fifth of each class is set aside, the same in every run. Source: E. Alpaydin
    and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998.
    """
    # Importing scikit-learn takes a second, which other data sets need not wait.
    from sklearn.datasets import load_digits

    found = load_digits()
    # Pixels count the ink in a 4x4 cell, 0 to 16.
    pixels = np.rint(found.images[..., None] * (255 / 16)).astype(np.uint8)
    digits = Images(pixels, found.target.astype(np.int32))
    names = tuple(map(str, found.target_names))
    return with_test("digits", 10, digits, flip=False, classes=names)
