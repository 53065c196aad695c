"""Extracts the layers of any Flax module by abstract evaluation."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gpt_nas_jax.networks import layers
from gpt_nas_jax.networks.blocks import Block
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.drawing import shapes_only
from gpt_nas_jax.networks.interceptor import Interceptor
from gpt_nas_jax.networks.operations import Activation, Operation, Pool, Shortcut
from gpt_nas_jax.networks.platform import native_forms
from gpt_nas_jax.types import UsageError

COLLECTIONS = ("params", "batch_stats")
"""Linen's collections of a network."""


@dataclasses.dataclass(frozen=True)
class TracedLayer:
    """A layer and the block around it.

    Attributes:
      layer: the layer with its sizes.
      block: name in Table II of the outermost block around it, or None.
      instance: a number that the layers of one such block share; -1 for none.
    """

    layer: layers.Layer
    block: str | None
    instance: int


@dataclasses.dataclass(frozen=True)
class Trace:
    """The trace of a module for one input size.

    Attributes:
      layers: in order of execution.
      out_size: size of the module's output, 1x1 for logits.
      params: number of parameters.
      state: number of further values, such as running means and variances.
      shortcuts: number of residual sums.
      variables: shapes of parameters and state, in Linen's collections.
    """

    layers: tuple[TracedLayer, ...]
    out_size: layers.Size
    params: int
    state: int
    shortcuts: int
    variables: Any = dataclasses.field(repr=False, compare=False, hash=False)

    def collections(self) -> dict[str, Any]:
        """Parameters and running statistics by collection; one may be empty."""
        return {name: self.variables.get(name, {}) for name in COLLECTIONS}


def trace(module: nn.Module, in_size: layers.Size) -> Trace:
    """Traces a module called as ``module(x, train)`` on images of ``in_size``.

    A `Chain` is traced block by block: equal blocks at equal sizes are traced once
    per process. Nothing is computed or allocated (`jax.eval_shape`). The trace records
    `nn.Conv`, `nn.Dense`, `nn.DenseGeneral`, `nn.BatchNorm`, `nn.Dropout` and those of
    `gpt_nas_jax.networks.operations`, but no plain functions. Modules that are not
    hashable are traced again each time.

    Raises:
      UsageError: a convolution is not 2-D, or its dilations differ.
    """
    if not isinstance(module, Chain):
        return _trace_block(module, in_size)
    parts, size = [], in_size
    for block in module.blocks:
        parts.append(_trace_block(block, size))
        size = parts[-1].out_size
    variables: dict[str, dict[str, Any]] = {}
    for index, part in enumerate(parts):
        for collection, tree in part.variables.items():
            variables.setdefault(collection, {})[f"blocks_{index}"] = tree
    return Trace(
        layers=_joined(part.layers for part in parts),
        out_size=size,
        params=sum(part.params for part in parts),
        state=sum(part.state for part in parts),
        shortcuts=sum(part.shortcuts for part in parts),
        variables=variables,
    )


def layers_of(module: nn.Module, in_size: layers.Size) -> tuple[layers.Layer, ...]:
    """The layers of a module called as ``module(x, train)`` on ``in_size`` images."""
    return tuple(traced.layer for traced in trace(module, in_size).layers)


def _joined(parts: Iterable[tuple[TracedLayer, ...]]) -> tuple[TracedLayer, ...]:
    """Concatenates layers and renumbers ids and instances."""
    result: list[TracedLayer] = []
    instances = 0
    for part in parts:
        for traced in part:
            layer = dataclasses.replace(traced.layer, id=len(result))
            instance = traced.instance + instances if traced.block else -1
            result.append(TracedLayer(layer, traced.block, instance))
        instances += 1 + max((traced.instance for traced in part), default=-1)
    return tuple(result)


def _trace_block(module: nn.Module, in_size: layers.Size) -> Trace:
    try:
        hash(module)
    except TypeError:  # A foreign module may hold a list.
        return _traced(module, in_size)
    return _traced_once(module, in_size)


def _traced(module: nn.Module, in_size: layers.Size) -> Trace:
    recorder = _Recorder()

    def run(key: jax.Array, x: jax.Array) -> tuple[jax.Array, Any]:
        # The CPU's forms have the same shapes and would double the tracing time.
        with nn.intercept_methods(recorder), native_forms(), shapes_only():
            return module.init_with_output(key, x, False)

    # Between the blocks of a chain, vectors are treated as 1x1 images.
    x = jax.ShapeDtypeStruct((1, *in_size), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    out, variables = jax.eval_shape(run, key, x)
    counts = {
        name: sum(leaf.size for leaf in jax.tree.leaves(tree))
        for name, tree in variables.items()
    }
    params = counts.pop("params", 0)
    return Trace(
        layers=tuple(recorder.layers),
        out_size=_size(out.shape),
        params=params,
        state=sum(counts.values()),
        shortcuts=recorder.shortcuts,
        variables=variables,
    )


_traced_once = functools.cache(_traced)


class _Recorder(Interceptor):
    """Records the layers of intercepted calls."""

    def __init__(self) -> None:
        self.layers: list[TracedLayer] = []
        self.shortcuts = 0
        self._block: str | None = None
        self._instances = 0

    def called(
        self, module: nn.Module, call: Callable[[], Any], args: tuple[Any, ...]
    ) -> Any:
        outermost = isinstance(module, Block) and self._block is None
        if outermost:
            self._block = module.block_name
        out = call()
        self.shortcuts += isinstance(module, Shortcut)
        layer = _layer(module, len(self.layers), args, out)
        if layer is not None:
            instance = self._instances if self._block else -1
            self.layers.append(TracedLayer(layer, self._block, instance))
        if outermost:
            self._block = None
            self._instances += 1
        return out


def _layer(
    module: nn.Module, id: int, args: tuple[Any, ...], out: Any
) -> layers.Layer | None:
    match module:
        case nn.Conv():
            return _conv(module, id, args[0].shape, out.shape)
        case Pool():
            return layers.Pool(
                id,
                _size(args[0].shape),
                _size(out.shape),
                type=module.type,
                kernel=module.window(args[0].shape),
                stride=(module.stride, module.stride),
                padding=module.padding,
                dilation=1,
            )
        case nn.Dense():
            sizes = _size(args[0].shape), _size(out.shape)
            return layers.FullyConnected(id, *sizes, bias=module.use_bias)
        case nn.DenseGeneral():
            return _dense_general(module, id, args[0].shape, out.shape)
        case nn.BatchNorm():
            name, value = "batch_norm", (module.epsilon, module.momentum)
        case nn.Dropout():
            name, value = "dropout", (module.rate,)
        case Activation():
            name, value = module.function, ()
        case Operation():
            name, value = module.layer_name, module.layer_value()
        case _:
            return None
    return layers.Other(id, _size(args[0].shape), _size(out.shape), name, value)


def contracted(module: nn.DenseGeneral, in_shape: tuple[int, ...]) -> int:
    """The numbers of an input ``[B, ...]`` that each output is a sum over."""
    axes = (module.axis,) if isinstance(module.axis, int) else module.axis
    return math.prod(in_shape[axis] for axis in axes)


def _dense_general(
    module: nn.DenseGeneral,
    id: int,
    in_shape: tuple[int, ...],
    out_shape: tuple[int, ...],
) -> layers.FullyConnected:
    """The layer, such as a projection of attention, with its axes flattened."""
    fan_in = contracted(module, in_shape)
    places = math.prod(in_shape[1:]) // fan_in
    features = math.prod(out_shape[1:]) // places
    sizes = (1, places, fan_in), (1, places, features)
    return layers.FullyConnected(id, *sizes, bias=module.use_bias)


def _conv(
    module: nn.Conv, id: int, in_shape: tuple[int, ...], out_shape: tuple[int, ...]
) -> layers.Conv:
    kernel = _pair(module.kernel_size)
    stride = _pair(module.strides)
    dilation = _pair(module.kernel_dilation)
    if len(kernel) != 2 or dilation[0] != dilation[1]:
        raise UsageError(
            f"convolution {module.name} of kernel {kernel}, dilation {dilation}: "
            "only 2-D ones of equal dilations can be traced"
        )
    padding = module.padding
    if isinstance(padding, str):
        effective = [1 + d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        padding = lax.padtype_to_pads(in_shape[1:3], effective, stride, padding)
    elif isinstance(padding, int):
        padding = [(padding, padding)] * 2
    (top, bottom), (left, right) = (
        (p, p) if isinstance(p, int) else tuple(p) for p in padding
    )
    return layers.Conv(
        id,
        _size(in_shape),
        _size(out_shape),
        kernel=kernel,
        stride=stride,
        padding=(top, bottom, left, right),
        dilation=dilation[0],
        groups=module.feature_group_count,
        bias=module.use_bias,
    )


def _pair(value: Any) -> tuple[int, ...]:
    if value is None:
        return (1, 1)
    return (value, value) if isinstance(value, int) else tuple(value)


def _size(shape: tuple[int, ...]) -> layers.Size:
    """Height, width, channels of ``[B, H, W, C]``; other shapes are ``[B, ..., C]``."""
    if len(shape) == 4:
        return tuple(shape[1:])
    return (1, math.prod(shape[1:-1]), shape[-1])
