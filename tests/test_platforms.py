"""All device programs can be traced and lowered for CPU, GPU and TPU.

Nothing is compiled or executed. Tracing compares the types of the two forms of every
operation that has a form for the CPU (`networks.platform`); lowering covers all
platforms at once. Large batches of small images exercise every form of a convolution.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax import export
from platforms_support import (
    BATCH,
    CLASSES,
    DTYPES,
    PLACES,
    RECIPE,
    SPACE,
    UPDATE,
    Place,
    images,
    lower,
    name_of,
    plain,
    training,
)

from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.platform import by_platform, compiling_for
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import human
from gpt_nas_jax.networks.zoo.seven import SEVEN
from gpt_nas_jax.spaces.blocks.network import (
    BLOCK_NAMES,
    candidate,
    candidate_block,
)
from gpt_nas_jax.training import programs, whole
from gpt_nas_jax.training.recipe import update_of
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.training.stored import load, store

# Narrowed networks have widths that their originals lack; the other human networks use
# the blocks of the space, at other widths.
HUMAN = (
    *SEVEN.values(),
    *("ResNet-20", "MobileNetV2@5e7"),
    *("ShuffleNetV2-x1.0@5e7", "RegNetY-400MF@5e7"),
)
# The quickest of each kind.
QUICK = ("EfficientNet-B0", "RegNetY-8GF", "ResNet-20", "ShuffleNetV2-x1.0@5e7")


def types(tree: Any) -> Any:
    """The shape and type of every leaf."""
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


def out_type(block: nn.Module, dtype: str) -> jnp.dtype:
    """The type of a block's output: float32 for logits, else the compute type."""
    return jnp.dtype("float32" if isinstance(block, Head) else dtype)


def stored_training(
    state: programs.BlockState, x: jax.ShapeDtypeStruct, is_first: bool
) -> Any:
    """Lowers `training` for a TPU, with feature maps in the TPU's axis order."""

    def run(state: programs.BlockState, x: jax.Array) -> Any:
        x = x if is_first else store(x)
        y, stats, (trained, inner, dx) = training(state, x, is_first)
        return load(y), stats, (trained, inner, tuple(map(load, dx)))

    return lower(run, state, x, platforms=("tpu",))


def check_training(block: nn.Module, size: Size, rule: Rule, dtype: str) -> None:
    """Checks that a training step returns the types that the next step takes."""
    state, x = programs.shapes(block, rule, UPDATE, size), images(size, dtype)
    is_first = size == SPACE.image
    run = functools.partial(training, is_first=is_first)
    # Rules differ in how parameters are sliced from vectors; tracing covers that.
    traced = lower if rule is Rule.ALL else jax.eval_shape
    check_types(block, dtype, state, x, traced(run, state, x))
    if rule is Rule.ALL and dtype == "bfloat16":
        with compiling_for("tpu"):
            check_types(block, dtype, state, x, stored_training(state, x, is_first))


def check_types(
    block: nn.Module,
    dtype: str,
    state: programs.BlockState,
    x: jax.ShapeDtypeStruct,
    found: Any,
) -> None:
    """Checks the types of a training step's results."""
    is_first = x.shape[1:] == SPACE.image
    y, stats, (trained, inner, dx) = found
    assert y.dtype == out_type(block, dtype)
    assert types(stats) == types(state.stats)
    assert types((trained, inner)) == types((state.trained, state.optimizer))
    assert types(dx) == (() if is_first else (types(x),))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", PLACES, ids=name_of)
def test_every_block_can_be_trained_at_every_place(place: Place, dtype: str) -> None:
    block, size = place
    # Rules differ in what is cast to the compute type; in float32, nothing is.
    asked = Rule if dtype == "bfloat16" else (Rule.ALL,)
    rules = {programs.shapes(block, rule, UPDATE, size).rule for rule in asked}
    for rule in rules:
        check_training(block, size, rule, dtype)
    if Rule.NOTHING in rules:
        state = programs.shapes(block, Rule.NOTHING, UPDATE, size)
        lower(plain(programs.forward_only), state, images(size, dtype))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_convolutions_of_many_channels_can_be_trained(dtype: str, stride: int) -> None:
    """Wide convolutions have their own forms, which the narrow places do not use."""
    block = candidate_block("Inception", 1024, stride, False)
    check_training(block, (4, 4, 1024), Rule.ALL, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", PLACES, ids=name_of)
def test_every_block_infers_on_any_number_of_images(place: Place, dtype: str) -> None:
    block, size = place
    (batch,) = export.symbolic_shape("batch")
    state = programs.shapes(block, Rule.ALL, UPDATE, size)
    y = lower(plain(programs.infer), state, images(size, dtype, batch))
    assert y.shape[0] == batch
    assert y.dtype == out_type(block, dtype)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "accumulate"),
    [
        pytest.param("float32", 1, marks=pytest.mark.long),
        *(("bfloat16", 1), ("bfloat16", 2)),
    ],
)
def test_a_whole_network_can_be_retrained(dtype: str, accumulate: int) -> None:
    """With weight averaging, label smoothing, dropout and every block."""
    blocks = candidate(BLOCK_NAMES, 16, 2, CLASSES).blocks[:-1]
    chain = Chain((*blocks, Head(CLASSES, dropout=0.2)))
    update = update_of(dataclasses.replace(RECIPE, accumulate=accumulate), 1)
    state = whole.shapes(chain, RECIPE, 1, SPACE.image, jax.random.key(0))
    assert state.average

    def step(parts: Any, x: jax.Array, labels: jax.Array) -> Any:
        before = state.replace(key=jax.random.key(0), **parts)
        after, loss = whole.updated(chain, update, before, x, labels)
        return {name: getattr(after, name) for name in parts}, loss

    names = ("params", "stats", "optimizer", "average", "steps")
    parts = {name: getattr(state, name) for name in names}
    args = parts, images(SPACE.image, dtype), jax.ShapeDtypeStruct((BATCH,), jnp.int32)
    results = [lower(step, *args)]
    if dtype == "bfloat16":
        with compiling_for("tpu"):
            # A new function object, since JAX does not trace the same one again.
            again = functools.partial(step)
            results.append(lower(again, *args, platforms=("tpu",)))
    for after, loss in results:
        assert types(after) == types(parts)
        assert (loss.shape, loss.dtype) == ((), jnp.float32)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.slow if name in QUICK else pytest.mark.long
        )
        for name in HUMAN
    ],
)
def test_every_block_of_the_human_networks_can_be_trained(name: str) -> None:
    places, size = set(), (32, 32, 3)
    for block in human(name).build(CLASSES, size).blocks:
        if (block, size) not in places:
            check_human(block, size)
        places.add((block, size))
        size = trace(block, size).out_size


def check_human(block: nn.Module, size: Size) -> None:
    """Checks the types of one block's training step and inference at its place."""
    (batch,) = export.symbolic_shape("batch")
    variables = {"params": {}, "batch_stats": {}, **trace(block, size).variables}
    # Parameters are cast to the compute type; statistics are not.
    variables["params"] = types_as(variables["params"], "bfloat16")

    def step(variables: Any, x: jax.Array) -> Any:
        def run(params: Any, x: jax.Array) -> Any:
            given = {**variables, "params": params}
            keys = {"dropout": jax.random.key(0)}
            return block.apply(given, x, True, mutable=["batch_stats"], rngs=keys)

        y, pullback, updates = jax.vjp(run, variables["params"], x, has_aux=True)
        return y, updates.get("batch_stats", {}), pullback(jnp.ones_like(y))

    def infer(variables: Any, x: jax.Array) -> jax.Array:
        return block.apply(variables, x, False)

    x = images(size, "bfloat16", 64)
    y, stats, gradients = lower(step, variables, x)
    assert y.dtype == out_type(block, "bfloat16")
    assert types(stats) == types(variables["batch_stats"])
    assert types(gradients) == types((variables["params"], x))
    y = jax.eval_shape(infer, variables, images(size, "bfloat16", batch))
    assert y.dtype == out_type(block, "bfloat16")


def types_as(tree: Any, dtype: str) -> Any:
    """The shapes of a tree, with every leaf of one type."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype), tree)


def halved(x: jax.Array) -> jax.Array:
    return x / 2


def half_of_images(x: jax.Array) -> jax.Array:
    return x[: len(x) // 2]


@pytest.mark.parametrize(
    ("native", "found"),
    [
        (lambda x: (x / 2).astype(jnp.float32), r"float32\[4,3\]"),
        (half_of_images, r"bfloat16\[2,3\]"),
    ],
)
def test_two_forms_of_different_types_are_refused(
    native: Callable[[jax.Array], jax.Array], found: str
) -> None:
    x = jax.ShapeDtypeStruct((4, 3), jnp.bfloat16)
    pair = by_platform(halved, native)
    message = rf"halved makes bfloat16\[4,3\] of bfloat16\[4,3\], but .* makes {found}"
    for function in (pair, lambda x: jax.vjp(pair, x)[0]):
        with pytest.raises(TypeError, match=message):
            jax.eval_shape(function, x)
