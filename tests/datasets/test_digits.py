"""The digits against scikit-learn's own arrays."""

import zlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gpt_nas_jax.datasets import images, registry


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> images.Dataset:
    return registry.load("digits", tmp_path_factory.mktemp("empty"))


def test_train_and_test_together_are_the_source(digits):
    assert (len(digits.train), len(digits.test)) == (1438, 359)
    pixels = np.concatenate([digits.train.images, digits.test.images])
    labels = np.concatenate([digits.train.labels, digits.test.labels])
    assert pixels.shape == (1797, 8, 8, 1)
    assert (pixels.dtype, labels.dtype) == (np.uint8, np.int32)
    # Undoes the scaling from [0, 16] to [0, 255].
    ink = np.rint(pixels[..., 0] / 255 * 16).astype(int)
    ours = sorted(zip(ink.reshape(-1, 64).tolist(), labels.tolist(), strict=True))
    source = load_digits()
    theirs = zip(source.data.astype(int).tolist(), source.target.tolist(), strict=True)
    assert ours == sorted(theirs)
    assert pixels.max() == 255


def test_a_fifth_of_every_digit_is_for_testing(digits):
    size = np.bincount(load_digits().target)
    drawn = np.bincount(digits.test.labels)
    assert np.all(np.abs(drawn - size / 5) < 1)


def test_the_test_images_are_the_same_in_every_run(digits):
    # If this checksum changes, results are no longer comparable with earlier ones; the
    # release notes must say so.
    assert zlib.crc32(digits.test.images.tobytes()) == 4271231253


def test_a_mirrored_digit_is_no_digit(digits):
    assert not digits.flip
    assert digits.num_classes == 10
