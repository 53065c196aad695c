"""A network as ONNX, written from its jaxpr; needs only the package ``onnx``."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax.exports.format import Format, Opened, Order
from gpt_nas_jax.exports.onnx_graph import Graph, Value
from gpt_nas_jax.exports.onnx_operations import (
    OPERATIONS,
    Input,
    UnknownError,
    evaluated,
)
from gpt_nas_jax.networks.platform import native_forms
from gpt_nas_jax.types import UsageError

FILE = "network.onnx"
_OPSET = 17
_IR_VERSION = 8
# The graph takes any batch size; a prime is not a product of other sizes.
_BATCH = 13
# Interpreted in NumPy, an image takes seconds.
_FEW = 8
_CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")


def _write(order: Order) -> Mapping[str, bytes]:
    import onnx
    from onnx import helper

    size, classes = order.network.preparation.image, len(order.network.classes)
    dtype = np.dtype(np.uint8 if order.pixels else np.float32)
    images = jax.ShapeDtypeStruct((_BATCH, *size), dtype)
    with native_forms():
        closed = jax.make_jaxpr(order.function)(images)
    graph = Graph()
    given = Value(images.shape, "images", tuple(range(4)))
    (logits,) = _run(graph, closed.jaxpr, closed.consts, [given])
    if not isinstance(logits, Value):
        raise UsageError("the network answers the same whatever the image")
    last = graph.name(logits, (0, 1))
    graph.nodes.append(helper.make_node("Identity", [last], ["logits"], name="logits"))
    taken = helper.np_dtype_to_tensor_dtype(dtype)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "network",
            [helper.make_tensor_value_info("images", taken, ["batch", *size])],
            [
                helper.make_tensor_value_info(
                    "logits", onnx.TensorProto.FLOAT, ["batch", classes]
                )
            ],
            graph.constants,
            doc_string=order.title,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="gpt_nas_jax",
    )
    helper.set_model_props(model, {"classes": "\n".join(order.network.classes)})
    onnx.checker.check_model(model, full_check=True)
    return {FILE: model.SerializeToString()}


def _run(
    graph: Graph, jaxpr: Any, constants: Sequence[Any], inputs: Sequence[Input]
) -> list[Input]:
    """Writes the equations of a jaxpr; returns its outputs."""
    known = dict(zip(jaxpr.constvars, map(np.asarray, constants), strict=True))
    known |= dict(zip(jaxpr.invars, inputs, strict=True))

    def read(variable: Any) -> Input:
        literal = hasattr(variable, "val")
        return np.asarray(variable.val) if literal else known[variable]

    for equation in jaxpr.eqns:
        outputs = _equation(graph, equation, [read(one) for one in equation.invars])
        known |= dict(zip(equation.outvars, outputs, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _equation(graph: Graph, equation: Any, inputs: list[Input]) -> Sequence[Input]:
    for name in _CALLS:
        if name in equation.params and equation.primitive.name not in OPERATIONS:
            inner = equation.params[name]
            jaxpr = getattr(inner, "jaxpr", inner)
            return _run(graph, jaxpr, getattr(inner, "consts", ()), inputs)
    if not any(isinstance(x, Value) for x in inputs):
        return evaluated(equation, inputs)
    primitive, out = equation.primitive.name, equation.outvars[0].aval
    try:
        return [OPERATIONS[primitive](graph, inputs, out, equation.params)]
    except (KeyError, UnknownError) as error:
        shapes = ", ".join(str(list(x.shape)) for x in inputs)
        raise UsageError(
            f"the operation {primitive} of {shapes} has no form in ONNX here: leave "
            "onnx out of --export_formats; stablehlo takes any network"
        ) from error


def _read(path: Path) -> Opened:
    """Uses ONNX Runtime if installed, else the slow evaluator of ``onnx``."""
    import onnx

    taken = onnx.load(path).graph.input[0].type.tensor_type.elem_type
    slow = importlib.util.find_spec("onnxruntime") is None
    if slow:
        from onnx.reference import ReferenceEvaluator

        run = ReferenceEvaluator(str(path)).run
    else:
        import onnxruntime

        run = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run

    def logits(images: np.ndarray) -> np.ndarray:
        found: np.ndarray = run(None, {"images": images})[0]
        return found

    pixels = taken == onnx.TensorProto.UINT8
    return Opened(logits, pixels, _FEW) if slow else Opened(logits, pixels)


ONNX = Format((FILE,), {"onnx": "onnx"}, _write, _read)
