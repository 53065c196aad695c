"""Blocks at every place of a chain, and lowering for all platforms at once."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax import export

from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.networks.chain import Head
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.recipe import optimizer

PLATFORMS = ("cpu", "cuda", "tpu")
# Type errors show up in bfloat16; in float32, nothing is cast.
DTYPES = (pytest.param("float32", marks=pytest.mark.long), "bfloat16")
BATCH = 1024
CLASSES = 10
RECIPE = RetrainRecipe(batch=BATCH, label_smoothing=0.1, ema=0.9)
UPDATE = optimizer(RECIPE, 1)
EVERYTHING = RetrainRecipe(
    epochs=2,
    batch=64,
    learning_rate=0.05,
    warmup_epochs=0,
    pad=1,
    cutout=2,
    label_smoothing=0.1,
    randaugment_ops=2,
    erasing=0.5,
    mixup=0.2,
    cutmix=1.0,
    drop_path=0.5,
)
"""Every augmentation that retraining offers, and stochastic depth."""
SPACE = BlockSpace((4, 4, 3), CLASSES, 2, 4, width=16, num_stages=2)
# After the first block of a stage, blocks differ from stage to stage only in size.
PLACES = tuple(
    (block, size)
    for block, size in SPACE.places()
    if size != SPACE.in_size(1, first=False) or isinstance(block, Head)
)

Place = tuple[nn.Module, Size]


def name_of(value: Any) -> str | None:
    """The test ID of a place."""
    if not isinstance(value, tuple):
        return None
    block, size = value
    inner = getattr(block, "block", None)
    names = [type(block).__name__, type(inner).__name__ if inner else ""]
    return "-".join([*filter(None, names), "x".join(map(str, size))])


def plain(program: Callable[..., Any]) -> Callable[..., Any]:
    """Unwraps a program of `training.jit.jit`, whose options are only for the CPU."""
    return program.__wrapped__


def training(
    state: programs.BlockState, x: jax.Array, is_first: bool
) -> tuple[jax.Array, jax.Array, tuple[Any, ...]]:
    """Runs a block's forward program, then its backward program."""
    y, stats, pullback = plain(programs.forward)(state, x, is_first)
    dy = jax.tree.map(jnp.ones_like, y)
    new = plain(programs.backward)(UPDATE, pullback, state, x, dy)
    return y, stats, new


def lower(
    function: Callable[..., Any], *args: Any, platforms: Sequence[str] = PLATFORMS
) -> Any:
    """Lowers a function for several platforms; returns the shapes of its results."""
    lowered = export.export(jax.jit(function), platforms=platforms)(*args)
    return jax.tree.unflatten(lowered.out_tree, lowered.out_avals)


def images(size: Size, dtype: str, batch: Any = BATCH) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((batch, *size), dtype)
