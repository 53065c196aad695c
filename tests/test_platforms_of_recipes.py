"""Class balancing and augmentation, lowered for every platform."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import pytest
from platforms_support import BATCH, CLASSES, DTYPES, EVERYTHING, images, lower

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import batches, whole
from gpt_nas_jax.training.augmented import augmented
from gpt_nas_jax.training.balance import Balance, balanced_batches
from gpt_nas_jax.training.loss import cross_entropy
from gpt_nas_jax.training.placement import Placement
from gpt_nas_jax.training.recipe import update_of
from gpt_nas_jax.training.targets import Targets

SIZE = (8, 8, 3)
RECIPE = dataclasses.replace(EVERYTHING, batch=BATCH)
LABELS = jax.ShapeDtypeStruct((BATCH,), jnp.int32)
TARGETS = Targets(
    jax.ShapeDtypeStruct((BATCH, 2), jnp.int32),
    jax.ShapeDtypeStruct((BATCH, 2), jnp.float32),
)


@functools.cache
def residual() -> Chain:
    return candidate(("Stem", "BasicBlock", "BasicBlock"), 16, 2, CLASSES)


def test_augmented_and_weighted_batches_lower() -> None:
    channel = jax.ShapeDtypeStruct((3,), jnp.float32)
    weights = jax.ShapeDtypeStruct((CLASSES,), jnp.float32)

    def batch(key: jax.Array, *arrays: jax.Array) -> object:
        return augmented(RECIPE, key, *arrays, RECIPE.pad, True)

    key = jax.random.key(0)
    x, labels = lower(
        batch, key, images(SIZE, "uint8"), LABELS, channel, channel, weights
    )
    assert (x.shape, x.dtype) == ((BATCH, *SIZE), jnp.float32)
    assert labels.labels.shape == labels.weights.shape == (BATCH, 2)


def test_prepared_batches_lower_in_bfloat16() -> None:
    channel = jax.ShapeDtypeStruct((3,), jnp.float32)
    placement = Placement("bfloat16")
    data = batches.DeviceImages(
        images(SIZE, "uint8"), LABELS, channel, channel, Balance(), True, placement
    )
    prepare = functools.partial(batches.augmented_batch.__wrapped__, RECIPE)
    x, labels = lower(prepare, data, jax.random.key(0), 3)
    assert (x.shape, x.dtype) == ((BATCH, *SIZE), jnp.bfloat16)
    assert labels.labels.shape == (BATCH, 2)
    x, plain = lower(batches.normalised_batch.__wrapped__, data)
    assert (x.shape, x.dtype) == ((BATCH, *SIZE), jnp.bfloat16)
    assert plain.shape == (BATCH,)


def test_batches_of_equal_classes_lower() -> None:
    classes = jax.ShapeDtypeStruct((CLASSES,), jnp.int32)
    program = functools.partial(balanced_batches.__wrapped__, batch=BATCH // 4)
    order = lower(program, jax.random.key(0), LABELS, classes)
    assert (order.shape, order.dtype) == ((4, BATCH // 4), jnp.int32)


def test_the_loss_of_several_labels_lowers() -> None:
    logits = jax.ShapeDtypeStruct((BATCH, CLASSES), jnp.float32)
    loss = lower(lambda x, y: cross_entropy(x, y, 0.1), logits, TARGETS)
    assert (loss.shape, loss.dtype) == ((), jnp.float32)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_step_with_stochastic_depth_lowers(dtype: str) -> None:
    chain, update = residual(), update_of(RECIPE, 4)
    assert trace(chain, SIZE).shortcuts
    state = whole.shapes(chain, RECIPE, 4, SIZE, jax.random.key(0))
    program = functools.partial(whole.updated, chain, update)
    new, loss = lower(program, state, images(SIZE, dtype), TARGETS)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), new) == jax.tree.map(
        lambda a: (a.shape, a.dtype), state
    )
    assert loss.shape == ()
