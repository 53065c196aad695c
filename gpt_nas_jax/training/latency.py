"""How long modules take to run forward, in inference mode."""

import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.training.jit import jit

ROUNDS = 30
_CALLS = 2
_TURN_SECONDS = 0.005
# A busy machine lets a process that has just slept run at once, and for a whole slice.
# Repeated measurements of 24 networks had rank correlations of 0.91 to 0.96 with it and
# of 0.81 to 0.89 without (load of 14 on 2 CPU cores, November 2026).
_SLEEP_SECONDS = 0.001

Module = tuple[nn.Module, Size]
"""A module, called as ``module(x, train)``, and the size of its input."""


def measure(
    modules: Sequence[Module], batch: int, dtype: str
) -> Generator[None, None, tuple[float, list[float]]]:
    """Measures modules in turns; yields after each compilation and each turn.

    A module's time is the minimum over all its calls. In each of `ROUNDS` rounds every
    module has a turn of at least `_CALLS` calls, and as many as take 5 ms: other load
    on the machine then delays a few turns of all, not all turns of a few.

    Args:
      modules: each with the size of its input.
      batch: images at a time.
      dtype: that they compute in.

    Returns:
      Milliseconds of a program that does nothing, and of each module, as the value of
      the generator: ``(call, each)``.
    """
    call = jnp.zeros((batch, 1, 1, 1), dtype)
    turns = [lambda: _nothing(call)]
    for module, size in modules:
        turns.append(_ready(module, size, batch, dtype))
        yield
    least = np.full(len(turns), np.inf)
    for _ in range(ROUNDS):
        for index, run in enumerate(turns):
            least[index] = min(least[index], _turn(run))
            yield
    first, *rest = (1e3 * least).tolist()
    return first, rest


def _ready(
    module: nn.Module, size: Size, batch: int, dtype: str
) -> Callable[[], jax.Array]:
    """A call of a module, compiled, with random weights and images on the device."""
    random = np.random.default_rng(0)
    x = jnp.asarray(random.normal(size=(batch, *size)), dtype)
    variables = jax.device_put(_variables(random, module, size, x.dtype))
    jax.block_until_ready(_infer(module, variables, x))
    return lambda: _infer(module, variables, x)


def _variables(
    random: np.random.Generator, module: nn.Module, size: Size, dtype: Any
) -> Any:
    """Linen's collections: kernels that keep the size of what they are applied to."""

    def draw(path: Any, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        if len(leaf.shape) > 1:
            scale = 1 / np.sqrt(np.prod(leaf.shape[:-1]))
            values = random.normal(scale=scale, size=leaf.shape)
        else:
            values = np.full(leaf.shape, path[-1].key in ("scale", "var"))
        in_params = path[0].key == "params"
        return values.astype(dtype if in_params else leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, trace(module, size).variables)


def _turn(run: Callable[[], jax.Array]) -> float:
    """Seconds of the fastest call of a turn."""
    time.sleep(_SLEEP_SECONDS)
    begin = now = time.perf_counter()
    least, calls = np.inf, 0
    while calls < _CALLS or now - begin < _TURN_SECONDS:
        start = time.perf_counter()
        jax.block_until_ready(run())
        now = time.perf_counter()
        least, calls = min(least, now - start), calls + 1
    return least


@jit(static_argnums=0)
def _infer(module: nn.Module, variables: Any, x: jax.Array) -> jax.Array:
    return module.apply(variables, x, False)


@jit()
def _nothing(x: jax.Array) -> jax.Array:
    return x + 1
