"""Initial weights as the proxies' papers draw them.

Only kernels are drawn. The scales of a BatchNorm are 1 and biases 0. In a user's own
block, all parameters except kernels keep the values of its initialisers.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from gpt_nas_jax.evaluation.proxies.segments import Segment
from gpt_nas_jax.keys import GENERATOR
from gpt_nas_jax.networks.interceptor import Interceptor
from gpt_nas_jax.networks.layers import FullyConnected, Size
from gpt_nas_jax.networks.platform import native_forms
from gpt_nas_jax.networks.trace import contracted, layers_of, trace
from gpt_nas_jax.types import Key

Weights = tuple[tuple[np.ndarray, ...], ...]
"""Of every node of every segment ``float32[n]``, as `training.vectors` flattens."""

# The names that lead to a parameter.
_Path = tuple[str, ...]
# Programs that draw have one length, since each length would need a compilation.
_CHUNK = 1 << 16


def uniform(parts: tuple[Segment, ...], key: Key) -> Weights:
    """Kernels uniform between -b and b, b = 1 / sqrt(fan-in), as PyTorch's are."""
    return _weights(parts, key, _uniform)


def normal(parts: tuple[Segment, ...], key: Key) -> Weights:
    """Kernels normal of variance 2 / fan-in (arXiv 1502.01852)."""
    return _weights(parts, key, _normal)


def magnitudes(weights: Weights) -> Weights:
    """The absolute value of every weight."""
    return tuple(tuple(map(abs, vectors)) for vectors in weights)


@jax.jit
def _uniform(key: Key, number: int) -> jax.Array:
    key = jax.random.fold_in(key, number)
    return 2 * jax.random.uniform(key, (_CHUNK,)) - 1


@jax.jit
def _normal(key: Key, number: int) -> jax.Array:
    key = jax.random.fold_in(key, number)
    return math.sqrt(2) * jax.random.normal(key, (_CHUNK,))


def _weights(
    parts: tuple[Segment, ...], key: Key, draw: Callable[[Key, int], jax.Array]
) -> Weights:
    rules = [[_rule(node.block, node.in_size) for node in p.nodes] for p in parts]
    total = sum(len(constant) for row in rules for constant, _ in row)
    chunks = range(-(-total // _CHUNK))
    drawn = np.concatenate([np.asarray(draw(key, chunk)) for chunk in chunks])
    result, end = [], 0
    for row in rules:
        vectors = []
        for constant, spread in row:
            begin, end = end, end + len(constant)
            vectors.append(constant + spread * drawn[begin:end])
        result.append(tuple(vectors))
    return tuple(result)


# Spaces may have other blocks in every network.
@functools.lru_cache(maxsize=256)
def _rule(block: nn.Module, in_size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Constant weights of a block, and 1 / sqrt(fan-in) of its random ones.

    ``float32[n]`` each; one of the two is 0.
    """
    constants, spreads = [], []
    variables = trace(block, in_size).collections()
    general = _fan_ins(block, in_size, variables)
    leaves = traverse_util.flatten_dict(variables["params"])
    initial = {} if _are_known(block, leaves) else _initialised(block, in_size)
    for path, leaf in sorted(leaves.items()):
        fan_in = general.get(path[:-1]) or math.prod(leaf.shape[:-1])
        spread = 1 / math.sqrt(fan_in) if path[-1] == "kernel" else 0.0
        constant = initial.get(path, float(path[-1] == "scale"))
        constants.append(np.full(leaf.shape, constant, np.float32).ravel())
        spreads.append(np.full(leaf.size, spread, np.float32))
    nothing = np.zeros(0, np.float32)
    return np.concatenate([nothing, *constants]), np.concatenate([nothing, *spreads])


def _are_known(block: nn.Module, paths: Iterable[_Path]) -> bool:
    """Whether all initial values are known without the block's initialisers."""
    known = {"kernel", "scale", "bias"} if _is_built_in(block) else {"kernel"}
    return {path[-1] for path in paths} <= known


def _is_built_in(block: nn.Module) -> bool:
    """Whether a block and those that it holds are the package's."""
    fields = {field.name for field in dataclasses.fields(block)} - {"parent", "name"}
    held = jax.tree.leaves([getattr(block, name) for name in fields])
    return type(block).__module__.partition(".")[0] == "gpt_nas_jax" and all(
        _is_built_in(value) for value in held if isinstance(value, nn.Module)
    )


def _initialised(block: nn.Module, in_size: Size) -> dict[_Path, np.ndarray]:
    """The parameters of a block other than kernels, as its initialisers set them."""

    def initialise(key: Key) -> dict[_Path, jax.Array]:
        x = jnp.zeros((1, *in_size), jnp.float32)
        params = traverse_util.flatten_dict(block.init(key, x, False)["params"])
        return {path: leaf for path, leaf in params.items() if path[-1] != "kernel"}

    # Compiled, all that the result does not depend on is left out.
    return jax.device_get(jax.jit(initialise)(jax.random.key(0, impl=GENERATOR)))


def _fan_ins(
    block: nn.Module, in_size: Size, variables: dict[str, Any]
) -> dict[_Path, int]:
    """The fan-in of every `nn.DenseGeneral`, whose kernel does not tell it, by path."""
    # Most blocks have convolutions alone and need not be run again.
    if FullyConnected not in map(type, layers_of(block, in_size)):
        return {}
    found = _FanIns()
    x = jax.ShapeDtypeStruct((1, *in_size), jnp.float32)
    with nn.intercept_methods(found), native_forms():
        jax.eval_shape(lambda v, x: block.apply(v, x, False), variables, x)
    return found.fan_ins


class _FanIns(Interceptor):
    """Records what each call of `nn.DenseGeneral` sums over."""

    def __init__(self) -> None:
        self.fan_ins: dict[_Path, int] = {}

    def called(
        self, module: nn.Module, call: Callable[[], Any], args: tuple[Any, ...]
    ) -> Any:
        if isinstance(module, nn.DenseGeneral):
            self.fan_ins[module.path] = contracted(module, args[0].shape)
        return call()
