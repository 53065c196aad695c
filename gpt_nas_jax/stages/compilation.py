"""Compiled programs: kept on disk for the next run, made before they are needed."""

import itertools
import os
import stat
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.config import Config, TrainConfig
from gpt_nas_jax.executors import local
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.stages.terminal import progress
from gpt_nas_jax.training import chain
from gpt_nas_jax.training.placement import compute_type
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.types import UsageError

_GIB = 2**30


def keep(settings: TrainConfig) -> None:
    """Lets JAX keep what it compiles in this process, and find it in the next.

    Raises:
      UsageError: the directory cannot be made, or others may write to it.
    """
    if not settings.cache_size:
        return
    path = _directory(settings)
    for name, value in {
        "jax_compilation_cache_dir": str(path),
        "jax_compilation_cache_max_size": int(settings.cache_size * _GIB),
        # A block's programs are small and quickly compiled, and there are many.
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": 0,
    }.items():
        jax.config.update(name, value)


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


def _directory(settings: TrainConfig) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(settings.cache_dir or Path(home) / "gpt_nas_jax").absolute()
    advice = "choose another --train_cache_dir, or --train_cache_size=0 for none"
    try:
        path.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise UsageError(
            f"compiled programs cannot be kept in {path}: {error.strerror}; {advice}"
        ) from error
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if others or status.st_uid != os.getuid() or not os.access(path, os.W_OK):
        raise UsageError(
            f"compiled programs are not kept in {path}: you, and only you, must be "
            f"able to write to it; {advice}"
        )
    return path
