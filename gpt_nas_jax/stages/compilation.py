"""Block programs, compiled before they are needed."""

import os

import flax.linen as nn
import jax

from gpt_nas_jax.config import Config
from gpt_nas_jax.executors import local, machine
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.training import chain
from gpt_nas_jax.training.placement import compute_type
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule


def warm_up(config: Config, problem: Problem) -> None:
    """Compiles, in threads, every block program that the search can need.

    Nothing is run. Each device has to load what one has compiled.
    """
    recipe = config.eval.recipe
    update = optimizer(recipe, len(problem.splits.train) // recipe.batch)
    rules = tuple(Rule) if config.eval.ruled() else (Rule.ALL,)
    dtype = compute_type(config.train.precision)
    places = problem.space.places()

    def compile_one(item: tuple[tuple[nn.Module, Size], jax.Device]) -> None:
        (block, in_size), device = item
        with jax.default_device(device):
            x = jax.ShapeDtypeStruct((recipe.batch, *in_size), dtype)
            is_first = in_size == problem.space.image
            chain.compile_block(block, rules, update, x, is_first)

    # Compiling leaves the devices idle; it needs cores. NPROC is XLA's own limit.
    devices = jax.local_devices()
    cores = min(machine.cores(), int(os.environ.get("NPROC") or machine.cores()))
    workers = max(1, cores // len(devices))
    # Neighbouring items differ in place, so that no thread waits for another's program.
    items = [
        (place, devices[(number + turn) % len(devices)])
        for turn in range(len(devices))
        for number, place in enumerate(places)
    ]
    with progress("compiling, blocks", len(items)) as advance:
        for _ in local.run(compile_one, items, workers):
            advance()
