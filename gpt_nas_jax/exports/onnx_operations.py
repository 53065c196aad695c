"""JAX's operations in ONNX, one function each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax

from gpt_nas_jax.exports.onnx_graph import (
    IMAGES_FIRST,
    Convolution,
    Graph,
    Product,
    Value,
    WindowSum,
)

Input = Value | np.ndarray
Write = Callable[[Graph, Sequence[Any], Any, Mapping[str, Any]], Value]
"""``write(graph, inputs, out, parameters)``; ``out`` has the shape of the output."""


class UnknownError(Exception):
    """An operation has no ONNX form here."""


def _refuse_unless(fits: bool) -> None:
    if not fits:
        raise UnknownError


def _unary(operation: str) -> Write:
    def write(graph: Graph, inputs: Sequence[Any], out: Any, _: Any) -> Value:
        (x,) = inputs
        return Value(out.shape, graph.node(operation, [graph.name(x)]), x.order)

    return write


def _binary(operation: str) -> Write:
    def write(graph: Graph, inputs: Sequence[Any], out: Any, _: Any) -> Value:
        first = next(x for x in inputs if isinstance(x, Value))
        order = first.order
        names = [_named(graph, x, first) for x in inputs]
        return Value(out.shape, graph.node(operation, names), order)

    return write


def _named(graph: Graph, x: Input, like: Value) -> str:
    """The name of an input, with its axes in the order of another."""
    if isinstance(x, Value):
        return graph.name(x, like.order)
    full = x.reshape((1,) * (len(like.order) - x.ndim) + x.shape)
    if full.shape[0] == like.shape[0]:
        # A constant for a whole batch, such as zeros: any of its images will do.
        _refuse_unless(bool(np.all(full == full[:1])))
        full = full[:1]
    return graph.constant(np.transpose(full, like.order))


def _by_channel(x: Input, rank: int) -> np.ndarray | None:
    """A constant as one number or one per channel, or None."""
    if isinstance(x, Value):
        return None
    if x.size == 1:
        return x.reshape(())
    last = x.ndim == rank and x.shape[:-1] == (1,) * (rank - 1)
    return x.reshape(-1) if last else None


def _arithmetic(operation: str) -> Write:
    plain = _binary(operation)

    def write(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
        first = isinstance(inputs[0], Value)
        x, other = inputs if first else inputs[::-1]
        number = _by_channel(other, len(out.shape))
        if number is None or x.shape != out.shape:
            mean = operation == "Div" and first and _mean(graph, x, other)
            return mean or plain(graph, inputs, out, params)
        match operation:
            case "Add":
                return x.plus(number)
            case "Sub" if first:
                return x.plus(-number)
            case "Sub":
                return x.times(np.float32(-1)).plus(number)
            case "Mul":
                return x.times(number)
            case _ if first:
                return x.times(1 / number)
        return plain(graph, inputs, out, params)

    return write


def _mean(graph: Graph, x: Value, counts: Input) -> Value | None:
    """A window sum divided by the number of image pixels in each window."""
    window = x.source
    fits = isinstance(window, WindowSum) and x.scale is None and x.shift is None
    if not fits or isinstance(counts, Value) or counts.shape != window.counts.shape:
        return None
    if not np.array_equal(counts, window.counts):
        return None
    return Value(x.shape, window.mean(graph), IMAGES_FIRST)


def _max(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    x, other = inputs if isinstance(inputs[0], Value) else inputs[::-1]
    if not isinstance(other, Value) and not np.any(other):
        return Value(out.shape, graph.node("Relu", [graph.name(x)]), x.order)
    return _binary("Max")(graph, inputs, out, params)


def _cast(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    from onnx import helper

    (x,), dtype = inputs, np.dtype(params["new_dtype"])
    to = helper.np_dtype_to_tensor_dtype(dtype)
    return Value(out.shape, graph.node("Cast", [graph.name(x)], to=to), x.order)


def _convolution(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    x, kernel = inputs
    axes = params["dimension_numbers"]
    specs = axes.lhs_spec, axes.rhs_spec, axes.out_spec
    _refuse_unless(specs == (IMAGES_FIRST, (3, 2, 0, 1), IMAGES_FIRST))
    _refuse_unless(
        set(params["lhs_dilation"]) == {1} and params["batch_group_count"] == 1
    )
    kernel = np.transpose(kernel, (3, 2, 0, 1))
    pads = params["padding"]
    attributes = {
        "kernel_shape": list(kernel.shape[2:]),
        "strides": list(params["window_strides"]),
        "pads": [before for before, _ in pads] + [after for _, after in pads],
        "dilations": list(params["rhs_dilation"]),
        "group": params["feature_group_count"],
    }
    layer = Convolution(graph.name(x, IMAGES_FIRST), kernel, attributes)
    return Value(out.shape, layer, IMAGES_FIRST)


def _window(params: Any) -> dict[str, Any]:
    sizes, strides = params["window_dimensions"], params["window_strides"]
    pads = params["padding"]
    outer = (sizes[0], sizes[-1], strides[0], strides[-1])
    _refuse_unless(len(sizes) == 4 and set(outer) == {1})
    _refuse_unless(set(params["window_dilation"]) == {1})
    return {
        "kernel_shape": list(sizes[1:3]),
        "strides": list(strides[1:3]),
        "pads": [pads[1][0], pads[2][0], pads[1][1], pads[2][1]],
    }


def _largest(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    name = graph.name(inputs[0], IMAGES_FIRST)
    pooled = graph.node("MaxPool", [name], **_window(params))
    return Value(out.shape, pooled, IMAGES_FIRST)


def _window_sum(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    (x,) = inputs
    ones = np.ones((1, *x.shape[1:3], 1), np.float32)
    how = (params[n] for n in ("window_dimensions", "window_strides", "padding"))
    counts = np.asarray(lax.reduce_window(ones, np.float32(0), lax.add, *how))
    layer = WindowSum(graph.name(x, IMAGES_FIRST), counts, _window(params))
    return Value(out.shape, layer, IMAGES_FIRST)


def _sum(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    (x,) = inputs
    _refuse_unless(tuple(params["axes"]) == (1, 2) and len(x.shape) == 4)
    name = graph.node("GlobalAveragePool", [graph.name(x, IMAGES_FIRST)])
    flat = graph.node("Flatten", [name], axis=1)
    pixels = np.asarray(np.float32(x.shape[1] * x.shape[2]))
    return Value(out.shape, flat, (0, 1), pixels)


def _broadcast(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    (x,), shape = inputs, out.shape
    kept = tuple(params["broadcast_dimensions"])
    if kept == tuple(range(len(shape))):
        full = [1 if axis == 0 else shape[axis] for axis in x.order]
        name = graph.node("Expand", [graph.name(x), graph.integers(*full)])
        return Value(shape, name, x.order)
    _refuse_unless(kept == (0, 3) and shape[1:3] == (1, 1))
    # A channel stays a channel, so scale and shift may stay pending.
    bare = Value(x.shape, x.source, x.order)
    name = graph.node(
        "Reshape", [graph.name(bare, (0, 1)), graph.integers(0, shape[3], 1, 1)]
    )
    return Value(shape, name, IMAGES_FIRST, x.scale, x.shift)


def _reshape(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    (x,), old, new = inputs, inputs[0].shape, out.shape
    _refuse_unless(params["dimensions"] is None and old[0] == new[0])
    if old[1:-1] == (1, 1) and len(new) == 2:
        bare = Value(old, x.source, x.order)
        flat = graph.node("Flatten", [graph.name(bare, IMAGES_FIRST)], axis=1)
        return Value(new, flat, (0, 1), x.scale, x.shift)
    # Channels in groups, and back.
    _refuse_unless(old[:3] == new[:3] and {len(old), len(new)} == {4, 5})
    before, after = (
        (IMAGES_FIRST, _GROUPS) if len(old) == 4 else (_GROUPS, IMAGES_FIRST)
    )
    sizes = [0, *(new[axis] for axis in after[1:])]
    name = graph.node("Reshape", [graph.name(x, before), graph.integers(*sizes)])
    return Value(new, name, after)


_GROUPS = (0, 3, 4, 1, 2)


def _transpose(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    (x,), turned = inputs, tuple(params["permutation"])
    order = tuple(turned.index(axis) for axis in x.order)
    return Value(out.shape, graph.name(x), order)


def _concatenate(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    _refuse_unless(all(isinstance(x, Value) for x in inputs))
    order, axis = inputs[0].order, params["dimension"]
    names = [graph.name(x, order) for x in inputs]
    return Value(out.shape, graph.node("Concat", names, axis=order.index(axis)), order)


def _slice(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    (x,), name = inputs, graph.name(inputs[0])
    _refuse_unless(params["strides"] is None or set(params["strides"]) == {1})
    limits = zip(params["start_indices"], params["limit_indices"], strict=True)
    for axis, (begin, end) in enumerate(limits):
        if (begin, end) != (0, x.shape[axis]):
            _refuse_unless(axis > 0)
            at = (begin, end, x.order.index(axis))
            name = graph.node("Slice", [name, *(graph.integers(n) for n in at)])
    return Value(out.shape, name, x.order)


def _dot(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    x, matrix = inputs
    rows_by_columns = (((1,), (0,)), ((), ()))
    _refuse_unless(params["dimension_numbers"] == rows_by_columns)
    _refuse_unless(isinstance(x, Value) and not isinstance(matrix, Value))
    return Value(out.shape, Product(graph.name(x, (0, 1)), matrix), (0, 1))


def _same(graph: Graph, inputs: Sequence[Any], out: Any, params: Any) -> Value:
    (x,) = inputs
    kept: Value = x
    return kept


OPERATIONS: Mapping[str, Write] = {
    "add": _arithmetic("Add"),
    "sub": _arithmetic("Sub"),
    "mul": _arithmetic("Mul"),
    "div": _arithmetic("Div"),
    "max": _max,
    "min": _binary("Min"),
    "logistic": _unary("Sigmoid"),
    "tanh": _unary("Tanh"),
    "exp": _unary("Exp"),
    "erf": _unary("Erf"),
    "sqrt": _unary("Sqrt"),
    "abs": _unary("Abs"),
    "neg": _unary("Neg"),
    "conv_general_dilated": _convolution,
    "reduce_window_max": _largest,
    "reduce_window_sum": _window_sum,
    "reduce_sum": _sum,
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "transpose": _transpose,
    "concatenate": _concatenate,
    "slice": _slice,
    "dot_general": _dot,
    "convert_element_type": _cast,
    **dict.fromkeys(("name", "optimization_barrier", "copy", "stop_gradient"), _same),
}
"""Writers by the names of JAX's primitives."""


def evaluated(equation: Any, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Evaluates an equation of constants."""
    arrays = [jax.numpy.asarray(x) for x in inputs]
    found = equation.primitive.bind(*arrays, **equation.params)
    each = found if equation.primitive.multiple_results else [found]
    return [np.asarray(array) for array in each]
