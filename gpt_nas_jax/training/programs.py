"""Block programs: each block's forward and backward pass as programs of their own.

Linen modules hash by value, so a program is compiled once for each (block, shape) and
shared by every candidate that holds the block: once all of its blocks have been
compiled, a new network can be trained without any further compilation.

A block's parameters travel as one vector, so that a step costs no work in Python that
grows with their number. Blocks compute in the type of their input.
"""

import functools
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import traverse_util
from jax.extend import core

from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.networks.convolution import CONVOLVED, LANES
from gpt_nas_jax.networks.layers import Conv, Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.training.jit import jit
from gpt_nas_jax.training.pullback import Pullback, portable
from gpt_nas_jax.training.rules import Rule, joined, partition
from gpt_nas_jax.training.stored import FeatureMaps, load, store
from gpt_nas_jax.training.vectors import flatten, unflatten
from gpt_nas_jax.types import Key


@flax.struct.dataclass
class BlockState:
    """One block in training.

    Attributes:
      block: the module.
      rule: what of it is trained; `Rule.NOTHING` where there is nothing to train.
      in_size: height, width and channels of its input.
      trained: parameters that the optimiser moves, ``float32[n]``.
      kept: parameters that keep their initial value, ``float32[m]``.
      stats: running means and variances, ``float32[s]``.
      optimizer: the optimiser's state for ``trained``.
    """

    block: nn.Module = flax.struct.field(pytree_node=False)
    rule: Rule = flax.struct.field(pytree_node=False)
    in_size: Size = flax.struct.field(pytree_node=False)
    trained: jax.Array
    kept: jax.Array
    stats: jax.Array
    optimizer: optax.OptState

    def variables(self) -> dict[str, Any]:
        """Linen's collections of the block, in NumPy."""
        trained, kept, stats = map(np.asarray, (self.trained, self.kept, self.stats))
        return self.collections(trained, kept, stats)

    def collections(
        self, trained: jax.Array, kept: jax.Array, stats: jax.Array
    ) -> dict[str, Any]:
        """Linen's collections that hold these numbers."""
        shapes = trace(self.block, self.in_size).collections()
        of_trained, of_kept = partition(self.rule, shapes)
        params = joined(unflatten(of_trained, trained), unflatten(of_kept, kept))
        return {
            "params": params,
            "batch_stats": unflatten(shapes["batch_stats"], stats),
        }


# Initial weights are drawn once, so compiling must be fast, running need not be:
# drawing an Inception takes 4.2 s to compile with optimisation, 0.6 s without (2 CPU
# cores, JAX 0.10); the older code generator halves the rest.
_UNOPTIMISED = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}


@functools.partial(jax.jit, static_argnums=(0, 1), compiler_options=_UNOPTIMISED)
def init(block: nn.Module, in_size: Size, key: Key) -> tuple[jax.Array, jax.Array]:
    """Initial parameters and running statistics of a block, one vector each."""
    variables = block.init(key, jnp.zeros((1, *in_size)), False)
    return tuple(flatten(variables.get(name, {})) for name in ("params", "batch_stats"))


def start(
    block: nn.Module,
    rule: Rule,
    optimizer: optax.GradientTransformation,
    in_size: Size,
    key: Key,
) -> BlockState:
    """A block before its first step."""
    params, stats = init(block, in_size, key)
    mask = _mask(block, rule, in_size)
    # In NumPy, since each length would need a compilation.
    numbers = np.asarray(params)
    trained, kept = map(jax.device_put, (numbers[mask], numbers[~mask]))
    state = _optimizer_state(optimizer, trained)
    rule = _simplest(rule, mask)
    return BlockState(block, rule, in_size, trained, kept, stats, state)


def shapes(
    block: nn.Module,
    rule: Rule,
    optimizer: optax.GradientTransformation,
    in_size: Size,
) -> BlockState:
    """Shapes and types of the result of `start`; draws no weights."""
    mask = _mask(block, rule, in_size)
    stats = jax.tree.leaves(trace(block, in_size).variables.get("batch_stats"))
    sizes = mask.sum(), (~mask).sum(), sum(leaf.size for leaf in stats)
    vectors = [jax.ShapeDtypeStruct((int(size),), jnp.float32) for size in sizes]
    state = jax.eval_shape(optimizer.init, vectors[0])
    return BlockState(block, _simplest(rule, mask), in_size, *vectors, state)


def compile_start(
    block: nn.Module,
    rule: Rule,
    optimizer: optax.GradientTransformation,
    in_size: Size,
) -> BlockState:
    """Compiles what `start` runs; returns what `shapes` does."""
    found = shapes(block, rule, optimizer, in_size)
    key = jax.eval_shape(lambda: stage_key(0, ""))
    init.lower(block, in_size, key).compile()
    _optimizer_state.lower(optimizer, found.trained).compile()
    return found


def _simplest(rule: Rule, mask: np.ndarray) -> Rule:
    """The simplest equivalent rule, so that equivalent rules share programs."""
    if not mask.any():
        return Rule.NOTHING
    return Rule.ALL if mask.all() else rule


@jit(static_argnums=2)
def forward(
    state: BlockState, x: FeatureMaps, is_first: bool
) -> tuple[FeatureMaps, jax.Array, Pullback]:
    """The block's output, new statistics, and the pullback of (trained, x).

    The pullback holds the outputs of convolutions; the rest is cheaper to compute
    again than to write and read.

    Args:
      state: the block.
      x: images ``[B, H, W, C]``, or the output of the previous block's program.
      is_first: whether ``x`` are images; there is no pullback to them.
    """
    x = load(x)

    def run(trained: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return _apply(state, trained, x)

    run = jax.checkpoint(run, policy=is_saved, prevent_cse=False)
    if is_first:
        y, function, stats = jax.vjp(
            lambda trained: run(trained, x), state.trained, has_aux=True
        )
    else:
        y, function, stats = jax.vjp(run, state.trained, x, has_aux=True)
    pullback = portable(_arguments(state, x), function, _grouped(state))
    return store(y), stats, pullback


@jit()
def forward_only(state: BlockState, x: FeatureMaps) -> tuple[FeatureMaps, jax.Array]:
    """The block's output and new statistics, for blocks below all training."""
    y, stats = _apply(state, state.trained, load(x))
    return store(y), stats


@jit(static_argnums=0)
def backward(
    optimizer: optax.GradientTransformation,
    pullback: Pullback,
    state: BlockState,
    x: FeatureMaps,
    dy: FeatureMaps,
) -> tuple[jax.Array, optax.OptState, tuple[FeatureMaps, ...]]:
    """Updates a block's parameters.

    Args:
      optimizer: moves them.
      pullback: of `forward`.
      state: the block as `forward` got it, but for the statistics.
      x: as `forward` got it.
      dy: gradient of the output.

    Returns:
      The parameters, the optimiser's state and, unless the block is the first, the
      gradient of its input.
    """
    function = pullback.function(_arguments(state, load(x)))
    gradient, *dx = function(load(dy))
    updates, inner = optimizer.update(gradient, state.optimizer, state.trained)
    moved = optax.apply_updates(state.trained, updates)
    return moved, inner, tuple(map(store, dx))


@jit()
def infer(state: BlockState, x: FeatureMaps) -> FeatureMaps:
    """The block's output, using its running statistics."""
    x = load(x)
    variables = _variables(state, state.trained, x.dtype)
    return store(state.block.apply(variables, x, False))


def _arguments(state: BlockState, x: jax.Array) -> tuple[jax.Array, ...]:
    """The arguments that a pullback may hold."""
    return state.trained, state.kept, x


def _grouped(state: BlockState) -> frozenset[int]:
    """Numbers of channels that a TPU convolves in groups of several channels."""
    layers = [part.layer for part in trace(state.block, state.in_size).layers]
    found = [layer for layer in layers if isinstance(layer, Conv) and layer.groups > 1]
    channels = {
        layer.in_size[-1] for layer in found if layer.groups < layer.in_size[-1]
    }
    return frozenset(number for number in channels if number > LANES)


@functools.partial(jax.jit, static_argnums=0, compiler_options=_UNOPTIMISED)
def _optimizer_state(
    optimizer: optax.GradientTransformation, trained: jax.Array
) -> optax.OptState:
    return optimizer.init(trained)


def _apply(
    state: BlockState, trained: jax.Array, x: jax.Array
) -> tuple[jax.Array, jax.Array]:
    variables = _variables(state, trained, x.dtype)
    y, updates = state.block.apply(variables, x, True, mutable=["batch_stats"])
    return y, flatten(updates.get("batch_stats", {}))


def _variables(
    state: BlockState, trained: jax.Array, dtype: jnp.dtype
) -> dict[str, Any]:
    """Linen's collections, the parameters in the type that is computed in."""
    kept = state.kept.astype(dtype)
    return state.collections(trained.astype(dtype), kept, state.stats)


def is_saved(primitive: core.Primitive, *_: Any, **params: Any) -> bool:
    """Whether the backward pass is handed a value; else it computes it again."""
    # Sums over a batch are the small statistics of a BatchNorm.
    return primitive.name == "reduce_sum" or params.get("name") == CONVOLVED


def _mask(block: nn.Module, rule: Rule, in_size: Size) -> np.ndarray:
    """Which of a block's parameters a rule trains, ``bool[n]``."""
    shapes = trace(block, in_size).collections()
    of_trained, _ = partition(rule, shapes)
    sizes = sorted(traverse_util.flatten_dict(shapes["params"]).items())
    mask = [np.full(leaf.size, path in of_trained) for path, leaf in sizes]
    return np.concatenate([np.zeros(0, bool), *mask])
