"""Forward and backward passes through a network by the programs of its blocks."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gpt_nas_jax.evaluation.proxies import passes
from gpt_nas_jax.evaluation.proxies.passes import Gradients, Pass
from gpt_nas_jax.evaluation.proxies.segments import INPUT, Node, Segment
from gpt_nas_jax.evaluation.proxies.weights import Weights

Place = tuple[int, int]
"""The number of a segment and of a node in it."""


class Walk:
    """One walk through a network.

    Attributes:
      parts: the network; its output depends on its input.
      weights: of it.
      passes: of the nodes that were run.
      gradients: of the nodes that were met on the way back. Nodes that the output does
        not depend on are missing.
    """

    def __init__(
        self, parts: tuple[Segment, ...], weights: Weights, train: bool
    ) -> None:
        """``train`` as in `passes.forward`."""
        self.parts, self.weights = parts, weights
        self.passes: dict[Place, Pass] = {}
        self.gradients: dict[Place, Gradients] = {}
        self._train = train

    def node(self, place: Place) -> Node:
        """The node at a place."""
        return self.parts[place[0]].nodes[place[1]]

    def forward(self, number: int, x: jax.Array) -> jax.Array:
        """The output of a segment."""

        def step(index: int, node: Node, x: jax.Array) -> jax.Array:
            params = self.weights[number][index]
            run = passes.forward(node.block, self._train, params, x)
            self.passes[number, index] = run
            return run.y

        return through(self.parts[number], x, step)

    def backward(self, number: int, dy: jax.Array) -> jax.Array:
        """The gradient of a segment's input, and all its gradients on the way."""

        def step(index: int, node: Node, dy: jax.Array) -> jax.Array:
            place = number, index
            params = self.weights[number][index]
            self.gradients[place], dx = passes.backward(
                node.block, node.in_size, params, self.passes[place], dy
            )
            return dx

        return _back(self.parts[number], dy, step)

    def to_input(self, number: int, dy: jax.Array) -> jax.Array:
        """The gradient of a segment's input alone."""
        return _back(
            self.parts[number],
            dy,
            lambda index, _, dy: passes.input_gradient(self.passes[number, index], dy),
        )


def through(part: Segment, x: Any, step: Callable[[int, Node, Any], Any]) -> Any:
    """The output of a segment; what flows may be a tree of arrays.

    Args:
      part: the segment.
      x: its input.
      step: from the number of a node, the node and its input to its output.
    """
    values = {INPUT: x}

    def total(sources: tuple[int, ...]) -> Any:
        if not sources:
            # In NumPy, since each shape would need a compilation.
            return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), x)
        return passes.total([values[source] for source in sources])

    for index, node in enumerate(part.nodes):
        values[index] = step(index, node, total(node.sources))
    return total(part.outputs)


def _back(
    part: Segment, dy: jax.Array, step: Callable[[int, Node, jax.Array], jax.Array]
) -> jax.Array:
    gradients: dict[int, list[jax.Array]] = {}

    def share(sources: tuple[int, ...], gradient: jax.Array) -> None:
        for source in sources:
            gradients.setdefault(source, []).append(gradient)

    share(part.outputs, dy)
    for index in reversed(range(len(part.nodes))):
        if index in gradients:
            node = part.nodes[index]
            share(node.sources, step(index, node, passes.total(gradients[index])))
    return passes.total(gradients[INPUT])
