"""Readers of images and benchmark files.

A data set of your own is a function in a file of your own, named by
``--data_name=module:load``::

    from gpt_nas_jax.datasets import Dataset, Images, Source, with_test

    def load(source: Source) -> Dataset:
        images, labels = ...  # uint8[N, H, W, C] and integers [N], 0 to K - 1
        return with_test("shapes", K, Images(images, labels), flip=True)
"""

from gpt_nas_jax.datasets.images import Dataset, Images, with_test
from gpt_nas_jax.datasets.registry import load
from gpt_nas_jax.datasets.source import Source

__all__ = ["Dataset", "Images", "Source", "load", "with_test"]
