"""Streamed images against those in memory, and trainings on them cut anywhere."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from imagenet_support import CLASSES, TEST, prepare_imagenet

from gpt_nas_jax.config import Recipe, RetrainRecipe
from gpt_nas_jax.data import images
from gpt_nas_jax.networks.candidate import candidate
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.batches import DeviceImages
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.training.streamed import StreamedImages, placed

KEY = jax.random.key(3)
RECIPE = RetrainRecipe(epochs=2, batch=64, learning_rate=0.05, warmup_epochs=0)
CHAIN = candidate(("Stem",), width=16, num_stages=1, num_classes=CLASSES)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> images.Dataset:
    home = tmp_path_factory.mktemp("tfds")
    prepare_imagenet(home)
    return images.load("imagenet2012", home, side=32)


@pytest.fixture(scope="module")
def train(dataset: images.Dataset) -> StreamedImages:
    data = placed(dataset.train, *dataset.train.moments(), dataset.flip)
    assert isinstance(data, StreamedImages)
    return data


@pytest.fixture(scope="module")
def resident(dataset: images.Dataset) -> DeviceImages:
    part = images.Images(dataset.train.pixels(), dataset.train.labels)
    data = placed(part, *dataset.train.moments(), dataset.flip)
    assert isinstance(data, DeviceImages)
    return data


def arrays(batches: Any) -> list[tuple[np.ndarray, ...]]:
    return [tuple(map(np.asarray, batch)) for batch in batches]


def test_an_epoch_has_the_order_of_images_in_memory(
    train: StreamedImages, resident: DeviceImages
) -> None:
    assert (train.in_size, len(train)) == (resident.in_size, len(resident))
    ours, theirs = (
        arrays(data.epoch(RECIPE, KEY, number=1)) for data in (train, resident)
    )
    for (x, labels), (other, expected) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(labels, expected)
        assert (x.shape, x.dtype) == (other.shape, other.dtype)


def test_an_epoch_goes_on_with_the_very_batches_that_were_left(
    train: StreamedImages, resident: DeviceImages
) -> None:
    recipe = Recipe(batch=32, cutout=8)
    for data in (train, resident):
        epoch = arrays(data.epoch(recipe, KEY, 1))
        assert len(epoch) == 6
        for first in (4, 6):
            rest = arrays(data.epoch(recipe, KEY, 1, first))
            jax.tree.map(np.testing.assert_array_equal, rest, epoch[first:])
        other = arrays(data.epoch(recipe, KEY, 2))
        assert not np.array_equal(other[0][0], epoch[0][0])


def test_plain_batches_are_those_of_images_in_memory(dataset: images.Dataset) -> None:
    moments = (*dataset.test.moments(), dataset.flip)
    memory = images.Images(dataset.test.pixels(), dataset.test.labels)
    ours = arrays(placed(dataset.test, *moments).plain(32))
    theirs = arrays(placed(memory, *moments).plain(32))
    for (x, labels), (expected, theirs_labels) in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(labels, theirs_labels)
    assert sum((labels >= 0).sum() for _, labels in ours) == TEST


def test_interrupted_within_an_epoch_a_training_ends_with_equal_parameters(
    train: StreamedImages,
) -> None:
    kept: dict[int, Any] = {}

    def keep(done: int, state: whole.NetworkState, loss: jax.Array) -> None:
        # The next step consumes the state.
        kept[done] = jax.tree.map(jnp.copy, state)

    def interrupt(done: int, state: whole.NetworkState, loss: jax.Array) -> None:
        keep(done, state, loss)
        if done == 5:
            raise KeyboardInterrupt

    whole.fit(CHAIN, RECIPE, train, KEY, None, keep)
    # 200 images make three batches.
    finished = kept[6]
    kept.clear()
    with pytest.raises(KeyboardInterrupt):
        whole.fit(CHAIN, RECIPE, train, KEY, None, interrupt)
    state = whole.fit(CHAIN, RECIPE, train, KEY, (5, kept[5]), keep)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, state, finished))


def test_block_programs_learn_from_a_stream(
    dataset: images.Dataset, train: StreamedImages
) -> None:
    recipe = Recipe(epochs=6, batch=40, learning_rate=0.1, warmup_epochs=0)
    rules = (Rule.ALL,) * len(CHAIN.blocks)
    states, _ = by_block.fit(CHAIN, rules, recipe, train, KEY, lambda: None)
    test = placed(dataset.test, *dataset.test.moments(), dataset.flip)
    # Guessing is right once in eight times.
    assert by_block.accuracy(states, test, 16) > 0.5
