"""Block programs: each block's forward and backward pass as programs of their own.

Linen modules hash by value, so a program is compiled once for each (block, shape) and
shared by every candidate that holds the block: a network never seen before is
trained without compiling anything once its blocks have been met.
"""

import functools
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax

from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.training.rules import Rule, joined, partition
from gpt_nas_jax.types import Key


@flax.struct.dataclass
class BlockState:
    """One block in training.

    Attributes:
      trained: parameters that the optimiser moves, flat by path.
      kept: parameters that keep their initial value, flat by path.
      stats: running means and variances.
      optimizer: the optimiser's state for ``trained``.
    """

    trained: Any
    kept: Any
    stats: Any
    optimizer: optax.OptState

    def variables(self) -> dict[str, Any]:
        """Linen's collections of the block."""
        return {"params": joined(self.trained, self.kept), "batch_stats": self.stats}


# Initial weights are drawn once, so compiling has to be fast and running has not:
# drawing an Inception takes 4.2 s to compile with optimisation, 0.6 s without
# (2 CPU cores, JAX 0.10).
_UNOPTIMISED = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}


@functools.partial(jax.jit, static_argnums=(0, 1), compiler_options=_UNOPTIMISED)
def init(block: nn.Module, in_size: Size, key: Key) -> tuple[Any, Any]:
    """Initial parameters and running statistics of a block."""
    variables = block.init(key, jnp.zeros((1, *in_size)), False)
    return variables.get("params", {}), variables.get("batch_stats", {})


def start(
    block: nn.Module,
    rule: Rule,
    optimizer: optax.GradientTransformation,
    in_size: Size,
    key: Key,
) -> BlockState:
    """A block before its first step."""
    params, stats = init(block, in_size, key)
    trained, kept = partition(rule, params)
    return BlockState(trained, kept, stats, _optimizer_state(optimizer, trained))


@functools.partial(jax.jit, static_argnums=0)
def forward(
    block: nn.Module, trained: Any, kept: Any, stats: Any, x: jax.Array
) -> tuple[jax.Array, Any, Any]:
    """The block's output, new statistics, and the pullback of (trained, x).

    A pullback is a pytree (`jax.tree_util.Partial`), so it may leave one program
    and enter another.
    """

    def run(trained: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        variables = {"params": joined(trained, kept), "batch_stats": stats}
        return _apply(block, variables, x)

    y, pullback, stats = jax.vjp(run, trained, x, has_aux=True)
    return y, stats, pullback


@functools.partial(jax.jit, static_argnums=0)
def forward_only(
    block: nn.Module, trained: Any, kept: Any, stats: Any, x: jax.Array
) -> tuple[jax.Array, Any]:
    """The block's output and new statistics, for blocks below all training."""
    variables = {"params": joined(trained, kept), "batch_stats": stats}
    return _apply(block, variables, x)


@functools.partial(jax.jit, static_argnums=0)
def backward(
    optimizer: optax.GradientTransformation,
    pullback: Any,
    trained: Any,
    state: optax.OptState,
    dy: jax.Array,
) -> tuple[Any, optax.OptState, jax.Array]:
    """Updates a block's parameters; returns them, their state and the gradient of x."""
    gradient, dx = pullback(dy)
    updates, state = optimizer.update(gradient, state, trained)
    return optax.apply_updates(trained, updates), state, dx


@functools.partial(jax.jit, static_argnums=0)
def infer(block: nn.Module, variables: Any, x: jax.Array) -> jax.Array:
    """The block's output by its running statistics."""
    return block.apply(variables, x, False)


@functools.partial(jax.jit, static_argnums=0, compiler_options=_UNOPTIMISED)
def _optimizer_state(
    optimizer: optax.GradientTransformation, trained: Any
) -> optax.OptState:
    return optimizer.init(trained)


def _apply(block: nn.Module, variables: Any, x: jax.Array) -> tuple[jax.Array, Any]:
    y, updates = block.apply(variables, x, True, mutable=["batch_stats"])
    return y, updates.get("batch_stats", {})
