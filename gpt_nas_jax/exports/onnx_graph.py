"""An ONNX graph under construction, and its values.

Values are images ``[B, H, W, C]`` in JAX and ``[B, C, H, W]`` in ONNX. Each records the
order of its axes, so that a transposition is written only where an operation needs
another order. Scales and shifts of channels are deferred, so that they merge into a
preceding convolution: this is how BatchNorm is folded.
"""

import dataclasses
from typing import Any, Protocol

import numpy as np

IMAGES_FIRST = (0, 3, 1, 2)
"""Axes ``[B, H, W, C]`` as ``[B, C, H, W]``."""


class Layer(Protocol):
    """An operation that is not written yet."""

    def write(
        self, graph: "Graph", scale: np.ndarray | None, shift: np.ndarray | None
    ) -> str:
        """Writes it, with its output scaled, then shifted, by channel."""


@dataclasses.dataclass(frozen=True, eq=False)
class Value:
    """An array of the network.

    Attributes:
      shape: in JAX.
      source: name in the graph, or the layer that is still to be written.
      order: axis ``i`` of the graph's array is axis ``order[i]`` in JAX.
      scale: pending factor, a number or ``[C]`` of the last axis, or None.
      shift: pending term, added after scaling; likewise.
    """

    shape: tuple[int, ...]
    source: str | Layer
    order: tuple[int, ...]
    scale: np.ndarray | None = None
    shift: np.ndarray | None = None

    def times(self, factor: np.ndarray) -> "Value":
        """The product with a number or one per channel."""
        scale = factor if self.scale is None else self.scale * factor
        shift = None if self.shift is None else self.shift * factor
        return dataclasses.replace(self, scale=scale, shift=shift)

    def plus(self, term: np.ndarray) -> "Value":
        """The sum with a number or one per channel."""
        shift = term if self.shift is None else self.shift + term
        return dataclasses.replace(self, shift=shift)


class Graph:
    """Nodes and constants in the order in which they are written."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        # Values are kept alive, so that no id is reused.
        self._written: dict[int, tuple[Value, str]] = {}
        self._turned: dict[tuple[str, tuple[int, ...]], str] = {}

    def node(self, operation: str, inputs: list[str], **attributes: Any) -> str:
        """Adds a node; returns the name of its output."""
        from onnx import helper

        name = f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operation, inputs, [name], name=name, **attributes)
        )
        return name

    def constant(self, array: np.ndarray) -> str:
        """Adds a constant; returns its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        array = np.ascontiguousarray(array)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, *numbers: int) -> str:
        """Adds a constant of whole numbers."""
        return self.constant(np.array(numbers, np.int64))

    def name(self, value: Value, order: tuple[int, ...] | None = None) -> str:
        """The name of a value's array, with its axes in this order or in its own."""
        if id(value) not in self._written:
            self._written[id(value)] = value, self._write(value)
        _, name = self._written[id(value)]
        if order is None or order == value.order:
            return name
        if (name, order) not in self._turned:
            turn = [value.order.index(axis) for axis in order]
            self._turned[name, order] = self.node("Transpose", [name], perm=turn)
        return self._turned[name, order]

    def _write(self, value: Value) -> str:
        if not isinstance(value.source, str):
            return value.source.write(self, value.scale, value.shift)
        return self.affine(value.source, value.order, value.scale, value.shift)

    def affine(
        self,
        name: str,
        order: tuple[int, ...],
        scale: np.ndarray | None,
        shift: np.ndarray | None,
    ) -> str:
        """An array times ``scale`` plus ``shift`` by channel, the last axis in JAX."""
        by_channel = [-1 if axis == len(order) - 1 else 1 for axis in order]
        for operation, number, nothing in (("Mul", scale, 1), ("Add", shift, 0)):
            if number is not None and np.any(number != nothing):
                shaped = number.reshape(by_channel) if number.ndim else number
                name = self.node(operation, [name, self.constant(shaped)])
        return name


@dataclasses.dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution of the array named ``x``; its kernel is ``[F, C, h, w]``."""

    x: str
    kernel: np.ndarray
    attributes: dict[str, Any]

    def write(
        self, graph: Graph, scale: np.ndarray | None, shift: np.ndarray | None
    ) -> str:
        """See `Layer`."""
        kernel, features = self.kernel, len(self.kernel)
        if scale is not None:
            kernel = kernel * np.broadcast_to(scale, features).reshape(-1, 1, 1, 1)
        inputs = [self.x, graph.constant(kernel)]
        if shift is not None:
            inputs.append(graph.constant(np.broadcast_to(shift, features)))
        return graph.node("Conv", inputs, **self.attributes)


@dataclasses.dataclass(frozen=True, eq=False)
class Product:
    """A product of the array named ``x`` with a matrix ``[C, F]``."""

    x: str
    matrix: np.ndarray

    def write(
        self, graph: Graph, scale: np.ndarray | None, shift: np.ndarray | None
    ) -> str:
        """See `Layer`."""
        matrix = self.matrix if scale is None else self.matrix * scale
        added = np.float32(0) if shift is None else shift
        bias = np.broadcast_to(added, matrix.shape[1:])
        inputs = [self.x, graph.constant(matrix), graph.constant(bias)]
        return graph.node("Gemm", inputs)


@dataclasses.dataclass(frozen=True, eq=False)
class WindowSum:
    """The sum of each window of the array named ``x``.

    Attributes:
      x: name of the array.
      counts: how many pixels of the image each window holds, ``[1, H', W', 1]``.
      attributes: of the window.
    """

    x: str
    counts: np.ndarray
    attributes: dict[str, Any]

    def write(
        self, graph: Graph, scale: np.ndarray | None, shift: np.ndarray | None
    ) -> str:
        """See `Layer`."""
        name = graph.node(
            "AveragePool", [self.x], count_include_pad=1, **self.attributes
        )
        size = np.float32(np.prod(self.attributes["kernel_shape"]))
        scale = size if scale is None else size * scale
        return graph.affine(name, IMAGES_FIRST, np.asarray(scale), shift)

    def mean(self, graph: Graph) -> str:
        """Writes the sum divided by the counts instead."""
        return graph.node(
            "AveragePool", [self.x], count_include_pad=0, **self.attributes
        )
