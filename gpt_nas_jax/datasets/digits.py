"""The handwritten digits of scikit-learn, a data set that needs no file."""

import numpy as np

from gpt_nas_jax.datasets.images import Dataset, Images, with_test
from gpt_nas_jax.datasets.source import Source


def load(source: Source) -> Dataset:
    """Loads 1,797 images of 8x8x1 in 10 classes, 359 of them for testing.

    They come with scikit-learn; ``source`` is ignored. There is no test part, so a
    fifth of each class is held out, the same in every run. Source: E. Alpaydin and C.
    Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
    1998.
    """
    # Importing scikit-learn takes a second, which only this data set should cost.
    from sklearn.datasets import load_digits

    found = load_digits()
    # Pixels count the ink in a 4x4 cell, 0 to 16.
    pixels = np.rint(found.images[..., None] * (255 / 16)).astype(np.uint8)
    digits = Images(pixels, found.target.astype(np.int32))
    names = tuple(map(str, found.target_names))
    return with_test("digits", 10, digits, flip=False, classes=names)
