"""The networks of NAS-Bench-101 (arXiv 1902.09635) as Flax modules."""

import flax.linen as nn
import jax

from gpt_nas_jax.datasets.benchmarks.nasbench101 import OPERATIONS
from gpt_nas_jax.networks.blocks import ConvNormActivation, MaxPool
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.operations import Add, Concat

IMAGE: Size = (32, 32, 3)
STACKS, CELLS = 3, 3
DEPTH = 1 + STACKS * CELLS + STACKS - 1 + 1
"""Blocks of a network: stem, cells, poolings between stacks and the classifier."""
_WIDTH = 128


def unit(features: int, kernel: int) -> ConvNormActivation:
    """Convolution, BatchNorm and ReLU.

    BatchNorm's momentum is 0.9. With the benchmark's 0.997 the running statistics of a
    training of a few epochs would still be mostly their initial values.
    """
    return ConvNormActivation(features, kernel, activation="relu")


def downsample() -> MaxPool:
    """The pooling that halves the resolution between two stacks."""
    return MaxPool(2, 2, (0, 0, 0, 0))


class CellModule(nn.Module):
    """One cell: a directed acyclic graph of operations.

    Attributes:
      edges: pairs ``(from, to)`` of vertices; 0 is the input, the last the output.
      operations: of the inner vertices, indices into `nasbench101.OPERATIONS`.
      features: channels of the output.
    """

    edges: tuple[tuple[int, int], ...]
    operations: tuple[int, ...]
    features: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        output = len(self.operations) + 1
        channels = vertex_channels(self.edges, output, self.features)
        values: dict[int, jax.Array] = {}
        for vertex in range(1, output):
            inputs = []
            for source in self._sources(vertex):
                if source == 0:
                    inputs.append(unit(channels[vertex], 1)(x, train))
                else:
                    inputs.append(values[source][..., : channels[vertex]])
            total = _sum(inputs)
            operation = OPERATIONS[self.operations[vertex - 1]]
            if operation == "maxpool3x3":
                values[vertex] = MaxPool()(total, train)
            else:
                kernel = 3 if operation == "conv3x3-bn-relu" else 1
                values[vertex] = unit(channels[vertex], kernel)(total, train)
        sources = self._sources(output)
        inner = [values[source] for source in sources if source != 0]
        joined = [Concat()(*inner)] if len(inner) > 1 else inner
        if 0 in sources:
            joined.append(unit(self.features, 1)(x, train))
        return _sum(joined)

    def _sources(self, vertex: int) -> list[int]:
        return sorted(source for source, target in self.edges if target == vertex)


def network(
    edges: tuple[tuple[int, int], ...],
    operations: tuple[int, ...],
    num_classes: int = 10,
) -> Chain:
    """Builds three stacks of three identical cells with 128, 256 and 512 channels."""
    blocks: list[nn.Module] = [unit(_WIDTH, 3)]
    for stack in range(STACKS):
        if stack:
            blocks.append(downsample())
        features = _WIDTH * 2**stack
        blocks += [CellModule(edges, operations, features) for _ in range(CELLS)]
    return Chain((*blocks, Head(num_classes)))


def vertex_channels(
    edges: tuple[tuple[int, int], ...], output: int, features: int
) -> dict[int, int]:
    """Channels of every inner vertex, as the benchmark assigns them.

    Vertices that feed the output share its channels; each other vertex is as wide
    as the widest one it feeds.
    """
    into_output = sorted(s for s, t in edges if t == output and s != 0)
    channels = {}
    for index, vertex in enumerate(into_output):
        share, rest = divmod(features, len(into_output))
        channels[vertex] = share + (index < rest)
    for vertex in range(output - 1, 0, -1):
        if vertex not in channels:
            targets = [t for s, t in edges if s == vertex]
            channels[vertex] = max(channels[target] for target in targets)
    return channels


def _sum(values: list[jax.Array]) -> jax.Array:
    total = values[0]
    for value in values[1:]:
        total = Add()(total, value)
    return total
