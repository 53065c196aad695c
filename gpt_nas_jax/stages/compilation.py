"""Block programs, compiled before they are needed."""

import itertools
import os

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.config import Config
from gpt_nas_jax.executors import local
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.stages.terminal import progress
from gpt_nas_jax.training import chain
from gpt_nas_jax.training.placement import compute_type
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule


def warm_up(config: Config, problem: Problem) -> None:
    """Compiles, in threads, every block program that the search can need."""
    recipe = config.eval.recipe
    update = optimizer(recipe, len(problem.splits.train) // recipe.batch)
    rules = (Rule.ALL,) if config.eval.trained_blocks == "all" else tuple(Rule)
    dtype = compute_type(config.train.precision)
    devices = jax.local_devices()
    items = list(itertools.product(problem.space.places(), devices))

    def compile_one(item: tuple[tuple[nn.Module, Size], jax.Device]) -> None:
        (block, in_size), device = item
        with jax.default_device(device):
            x = jnp.zeros((recipe.batch, *in_size), dtype)
            is_first = in_size == problem.space.image
            chain.warm_up(block, rules, update, x, is_first)

    # Compiling leaves the devices idle; what there must be enough of are cores.
    workers = max(1, (os.cpu_count() or 1) // len(devices))
    with progress("compiling, blocks", len(items)) as advance:
        for _ in local.run(compile_one, items, workers):
            advance()
