"""All augmentations of a retraining, combined."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from imagenet_support import CLASSES, prepare_imagenet
from platforms_support import EVERYTHING, lower

from gpt_nas_jax.config import Recipe, RetrainRecipe
from gpt_nas_jax.datasets import registry
from gpt_nas_jax.datasets.augment import augment, normalise
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.augmented import augmented
from gpt_nas_jax.training.batches import DeviceImages
from gpt_nas_jax.training.streamed import StreamedImages, placed
from gpt_nas_jax.training.targets import Targets

KEY = jax.random.key(3)
MEAN, STD = np.full(3, 0.5, np.float32), np.full(3, 0.25, np.float32)


def pixels() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (32, 8, 8, 3), np.uint8), random.integers(0, 9, 32)


@functools.partial(jax.jit, static_argnums=0)
def run(recipe: Recipe, key: jax.Array, x: jax.Array, labels: jax.Array) -> Any:
    return augmented(recipe, key, x, labels, MEAN, STD, None, recipe.pad, True)


def test_what_is_off_changes_nothing() -> None:
    x, labels = pixels()
    expected = jax.jit(
        lambda x: augment(KEY, normalise(x, MEAN, STD), pad=2, flip=True, cutout_size=3)
    )(x)
    for recipe in (Recipe(pad=2, cutout=3), RetrainRecipe(pad=2, cutout=3)):
        found, same = run(recipe, KEY, x, labels)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(same, labels)


@pytest.mark.parametrize(
    "how",
    [{"randaugment_ops": 1}, {"erasing": 0.5}, {"mixup": 0.2}, {"cutmix": 1.0}],
    ids=lambda how: next(iter(how)),
)
def test_each_changes_images_by_the_key_alone_and_keeps_shape_and_type(
    how: dict[str, float],
) -> None:
    x, labels = pixels()
    recipe = RetrainRecipe(pad=0, **how)
    plain, _ = run(RetrainRecipe(pad=0), KEY, x, labels)
    (once, of), (again, _) = (run(recipe, KEY, x, labels) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert (once.shape, once.dtype) == (plain.shape, plain.dtype)
    changed = (np.asarray(once) != np.asarray(plain)).any((1, 2, 3))
    assert changed.any()
    if isinstance(of, Targets):
        np.testing.assert_array_equal(of.labels[:, 0], labels)
        np.testing.assert_allclose(of.weights.sum(1), 1, rtol=1e-6)
        # The partner of an image may be of the same class.
        assert (of.labels[:, 1] != labels).any()
    else:
        assert set(how) & {"randaugment_ops", "erasing"}


def test_erasing_fills_with_noise_and_randaugment_with_the_mean() -> None:
    x, labels = np.zeros((64, 16, 16, 3), np.uint8), np.zeros(64, int)
    erased, _ = run(RetrainRecipe(pad=0, erasing=1.0), KEY, x, labels)
    inside = np.asarray(erased) != -2
    values = np.asarray(erased)[inside] * 0.25 + 0.5
    assert 0 <= values.min() < 0.02 and 0.98 < values.max() <= 1
    np.testing.assert_allclose(values * 255, np.round(values * 255), atol=1e-3)
    moved, _ = run(
        RetrainRecipe(pad=0, randaugment_ops=1, randaugment_magnitude=10.0),
        KEY,
        x,
        labels,
    )
    # Black, inverted black, and the mean, which is rounded to a byte.
    kinds = {f"{value:.2f}" for value in np.unique(moved)}
    assert {"0.01"} < kinds <= {"-2.00", "2.00", "0.01"}


def test_everything_lowers_for_every_platform() -> None:
    def batch(x: jax.Array, labels: jax.Array) -> Any:
        return augmented(EVERYTHING, KEY, x, labels, MEAN, STD, jnp.ones(10), 1, True)

    shape = jax.ShapeDtypeStruct((64,), jnp.int32)
    x, targets = lower(batch, jax.ShapeDtypeStruct((64, 8, 8, 3), jnp.uint8), shape)
    assert (x.shape, x.dtype) == ((64, 8, 8, 3), jnp.float32)
    assert targets.labels.shape == targets.weights.shape == (64, 2)


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> StreamedImages:
    home = tmp_path_factory.mktemp("tfds")
    prepare_imagenet(home)
    images = registry.load("imagenet2012", home, side=16).train
    data = placed(images, *images.moments(), True, balance="sampling")
    assert isinstance(data, StreamedImages)
    return data


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "stream"])
def test_a_training_with_everything_goes_on_where_it_was_left(
    kind: str, digits: DeviceImages, streamed: StreamedImages
) -> None:
    data = digits if kind == "memory" else streamed
    classes = 10 if kind == "memory" else CLASSES
    chain = candidate(("BasicBlock",), 16, 1, classes)
    kept: dict[int, Any] = {}

    def keep(done: int, state: whole.NetworkState, loss: jax.Array) -> None:
        assert np.isfinite(loss)
        # The next step consumes the state.
        kept[done] = jax.tree.map(jnp.copy, state)

    whole.fit(chain, EVERYTHING, data, KEY, None, keep)
    assert len(kept) == 6
    finished, begun = kept[6], kept[4]
    state = whole.fit(chain, EVERYTHING, data, KEY, (4, begun), keep)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, state, finished))


@pytest.mark.parametrize("seed", range(4))
def test_streams_balance_classes_and_vary_repeated_images(
    streamed: StreamedImages, seed: int
) -> None:
    key = jax.random.key(seed)
    recipe = Recipe(epochs=1, batch=5 * CLASSES)
    few = np.flatnonzero(streamed.images.labels > 0)
    rare = np.flatnonzero(streamed.images.labels == 0)[:2]
    images = streamed.images.take(np.concatenate([rare, few]))
    data = placed(images, *images.moments(), True, balance="sampling")
    batches = [(np.asarray(x), np.asarray(y)) for x, y in data.batches(recipe, key)]
    for _, labels in batches:
        assert set(np.bincount(labels)) == {5}
    zeros = np.concatenate([x[labels == 0] for x, labels in batches])
    # Two images fill these places, with a different crop each time.
    assert len(zeros) >= 15
    assert len({image.tobytes() for image in zeros}) == len(zeros)
    # A resumed training gets the remaining batches.
    rest = data.batches(recipe, key, 2)
    for (x, labels), (again, theirs) in zip(rest, batches[2:], strict=True):
        np.testing.assert_array_equal(x, again)
        np.testing.assert_array_equal(labels, theirs)


@pytest.mark.slow
def test_processes_decode_the_same_balanced_batches(streamed: StreamedImages) -> None:
    helped = dataclasses.replace(
        streamed, images=dataclasses.replace(streamed.images, workers=1)
    )
    recipe = Recipe(epochs=1, batch=64)
    ours, theirs = ([*data.batches(recipe, KEY)] for data in (streamed, helped))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
