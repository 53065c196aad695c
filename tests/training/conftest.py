"""A small data set, recipe and network shared by all training tests."""

import jax
import pytest

from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training.batches import DeviceImages, to_device


@pytest.fixture(scope="session")
def digits() -> DeviceImages:
    dataset = registry.load("digits", "")
    splits = images.split(dataset, jax.random.key(0), 0.15, 200)
    return to_device(splits.train, splits.mean, splits.std, splits.flip)


@pytest.fixture(scope="session")
def recipe() -> RetrainRecipe:
    return RetrainRecipe(epochs=1, batch=32, learning_rate=0.05, warmup_epochs=0, pad=1)


@pytest.fixture(scope="session")
def chain() -> Chain:
    names = ("Stem", "InvertedResidual", "SqueezeExcitation")
    return candidate(names, width=16, num_stages=2, num_classes=10)
