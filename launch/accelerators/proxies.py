"""The programs of the zero-cost proxies, which compute in float32."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from accelerators import settings
from accelerators.blocks import places
from accelerators.work import Work, array, plain
from gpt_nas_jax.evaluation.proxies import passes
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES
from gpt_nas_jax.training.programs import shapes
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule


def works(short: bool) -> Iterator[Work]:
    """Of every block of CIFAR-10's space."""
    config, space = settings.config("cifar10"), settings.space("cifar10")
    names = ("ResBottleneckBlock",) if short else BLOCK_NAMES
    batch, update = config.eval.proxy_batch, optimizer(config.eval.recipe, 1)
    found = [*places(space, names, short).items()]
    for (block, size), title in found[:1] if short else found:
        params = shapes(block, Rule.ALL, update, size).trained
        yield from _of(block, size, title, params, array((batch, *size)))


def _of(block: Any, size: Any, title: str, params: Any, x: Any) -> Iterator[Work]:
    def forward(params: Any, x: Any) -> Any:
        return plain(passes.forward)(block, True, params, x)

    def flow(params: Any, x: Any) -> Any:
        return plain(passes.forward)(block, False, params, x)

    def backward(params: Any, run: Any, dy: Any) -> Any:
        return plain(passes.backward)(block, size, params, run, dy)

    def mixed(params: Any, gradient: Any, x: Any) -> Any:
        run = plain(passes.mixed_derivative)
        return run(block, size, params, gradient, (x, x, x, x))

    def of_gradients(gradient: Any) -> Any:
        both = gradient, gradient
        noise = plain(passes.signal_to_noise)(block, size, both)
        log_flow = plain(passes.log_flow)
        return noise, log_flow(block, size, *both, jnp.float32(0))

    run = jax.eval_shape(forward, params, x)
    to_input = plain(passes.input_gradient)
    every = {
        "forward": (forward, (params, x)),
        "flow": (flow, (params, x)),
        "backward": (backward, (params, run, run.y)),
        "input_gradient": (to_input, (run, run.y)),
        "mixed_derivative": (mixed, (params, params, x)),
        "of_gradients": (of_gradients, (params,)),
    }
    for name, (function, args) in every.items():
        yield Work("proxies", f"cifar10 {title} {name}", function, args)
