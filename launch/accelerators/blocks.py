"""The block programs that candidates are trained with."""

from collections.abc import Iterator
from typing import Any

import jax

from accelerators import settings
from accelerators.work import Work, array, plain
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.training.stored import store

# What a short check compiles: a convolution, a pooling, groups.
_FEW = ("ConvNormActivation", "AvgPool", "ResBottleneckBlock")
_STEPS = 83


def works(short: bool) -> Iterator[Work]:
    """Training all blocks comes first, since that is what most candidates run."""
    if short:
        yield from _of("cifar10", Rule.ALL, _FEW, short)
        return
    for rule in (Rule.ALL, Rule.BATCH_NORM, Rule.NOTHING):
        for name in settings.NAMES:
            yield from _of(name, rule, BLOCK_NAMES, short)


def places(
    space: BlockSpace, names: tuple[str, ...], short: bool
) -> dict[tuple[Any, Any], str]:
    """Blocks with their input sizes, and their names."""
    found: dict[tuple[Any, Any], str] = {}
    stages = range(min(space.num_stages, 2) if short else space.num_stages)
    for stage in stages:
        for first in (True, False):
            if short and (stage == 0) == first:
                continue
            size = space.in_size(stage, first)
            for name in names:
                block = space.block(name, stage, first)
                title = f"{name}{' first' if first else ''} {'x'.join(map(str, size))}"
                found.setdefault((block, size), title)
    if not short:
        *_, (head, size) = space.places()
        found[head, size] = f"Head {'x'.join(map(str, size))}"
    return found


def _of(name: str, rule: Rule, names: tuple[str, ...], short: bool) -> Iterator[Work]:
    space, recipe = settings.space(name), settings.config(name).eval.recipe
    update = optimizer(recipe, _STEPS)
    for (block, size), title in places(space, names, short).items():
        state = programs.shapes(block, rule, update, size)
        nothing = rule is Rule.ALL and state.rule is Rule.NOTHING
        if state.rule is not rule and not nothing:
            # It has the programs of another rule.
            continue
        is_first = size == space.image
        x = array((recipe.batch, *size), settings.COMPUTE)
        x = x if is_first else jax.eval_shape(store, x)
        called = f"{name} {title} {state.rule.value}"

        def forward(state: Any, x: Any, is_first: bool = is_first) -> Any:
            return plain(programs.forward)(state, x, is_first)

        def backward(*args: Any) -> Any:
            return plain(programs.backward)(update, *args)

        yield Work("blocks", f"{called} forward", forward, (state, x))
        y, _, pullback = jax.eval_shape(forward, state, x)
        args = pullback, state, x, y
        yield Work("blocks", f"{called} backward", backward, args)
        if rule is Rule.ALL:
            yield Work("blocks", f"{called} infer", plain(programs.infer), (state, x))
        if state.rule is Rule.NOTHING:
            only = plain(programs.forward_only)
            yield Work("blocks", f"{called} forward_only", only, (state, x))
