"""Streamed images against images in memory, and interrupted training on them."""

import contextlib
import dataclasses
import multiprocessing
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from imagenet_support import CLASSES, TEST, prepare_imagenet

from gpt_nas_jax.config import Recipe, RetrainRecipe
from gpt_nas_jax.datasets import example, images, pictures, registry
from gpt_nas_jax.datasets.augment import epoch_batches
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.batches import DeviceImages, epoch_keys
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.training.streamed import StreamedImages, placed

KEY = jax.random.key(3)
RECIPE = RetrainRecipe(epochs=2, batch=64, learning_rate=0.05, warmup_epochs=0)
CHAIN = candidate(("Stem",), width=16, num_stages=1, num_classes=CLASSES)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> images.Dataset:
    home = tmp_path_factory.mktemp("tfds")
    prepare_imagenet(home)
    return registry.load("imagenet2012", home, side=32)


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


def test_epochs_have_the_order_of_images_in_memory(
    train: StreamedImages, resident: DeviceImages
) -> None:
    assert (train.in_size, len(train)) == (resident.in_size, len(resident))
    ours, theirs = (arrays(data.batches(RECIPE, KEY)) for data in (train, resident))
    assert len(ours) == RECIPE.epochs * 3
    for (x, labels), (other, expected) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(labels, expected)
        assert (x.shape, x.dtype) == (other.shape, other.dtype)


def test_a_training_goes_on_with_the_very_batches_that_were_left(
    train: StreamedImages, resident: DeviceImages
) -> None:
    recipe = Recipe(epochs=3, batch=32, cutout=8)
    for data in (train, resident):
        batches = arrays(data.batches(recipe, KEY))
        assert len(batches) == 18
        for first in (4, 6, 17, 18):
            rest = arrays(data.batches(recipe, KEY, first))
            jax.tree.map(np.testing.assert_array_equal, rest, batches[first:])
        # Epochs have different batches.
        assert not np.array_equal(batches[0][0], batches[6][0])


def test_what_becomes_of_an_image_depends_on_epoch_and_image_alone(
    train: StreamedImages,
) -> None:
    recipe = Recipe(epochs=2, batch=32)
    order_key, batch_key = epoch_keys(KEY, 1)
    order = np.asarray(epoch_batches(order_key, len(train), recipe.batch))
    high, low = map(int, jax.random.key_data(batch_key))
    row = int(order[2, 5])
    random = np.random.Generator(np.random.Philox(key=[high << 32 | low, row]))
    encoded, label = example.read(train.images.records[row])
    pixels = pictures.decode_random(encoded, 32, train.flip, random)
    x, labels = arrays(train.batches(recipe, KEY, first_step=6))[2]
    np.testing.assert_allclose(
        x[5], (pixels / 255 - train.mean) / train.std, rtol=1e-5, atol=1e-5
    )
    assert labels[5] == label


@pytest.mark.slow
def test_processes_decode_the_same_batches_and_stay_from_epoch_to_epoch(
    train: StreamedImages,
) -> None:
    helped = dataclasses.replace(
        train, images=dataclasses.replace(train.images, workers=2)
    )
    recipe = Recipe(epochs=9, batch=64)
    streams = (data.batches(recipe, KEY) for data in (train, helped))
    with contextlib.ExitStack() as stack:
        ours, theirs = (
            stack.enter_context(contextlib.closing(stream)) for stream in streams
        )
        processes = []
        for _ in range(8):
            jax.tree.map(np.testing.assert_array_equal, next(theirs), next(ours))
            processes.append({p.pid for p in multiprocessing.active_children()})
    assert len(processes[0]) == 2
    assert all(seen == processes[0] for seen in processes)
    assert not multiprocessing.active_children()


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
    # 200 images make three batches per epoch.
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
    # Guessing is right one time in eight.
    assert by_block.accuracy(states, test, 16) > 0.5
