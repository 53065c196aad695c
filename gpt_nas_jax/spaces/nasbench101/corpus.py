"""The layers of every NAS-Bench-101 network, without building each one.

A cell's layers are the layers of its parts in a fixed order, so the parts are traced
once and concatenated, and only once for cells with the same layers.
"""

import dataclasses
from typing import TypeAlias

import numpy as np

from gpt_nas_jax.datasets.benchmarks.nasbench101 import OPERATIONS
from gpt_nas_jax.networks.chain import Head
from gpt_nas_jax.networks.layers import Other, Size
from gpt_nas_jax.spaces.nasbench101 import network
from gpt_nas_jax.spaces.skeleton import Skeleton, words_of
from gpt_nas_jax.tokens.corpus import Architectures
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word

Columns: TypeAlias = tuple[np.ndarray, ...]
"""Cells as columns: number of vertices, edge bits, operations ``uint8[N, 5]``."""

_MAX_INNER = 5
_WIDTH = 128
_SIZE: Size = (32, 32, _WIDTH)


@dataclasses.dataclass(frozen=True)
class VertexWords:
    """Words of the networks' parts.

    Vertices that feed the output share its channels, and all others are about as wide.
    So the words of a projection depend on how many vertices share, and on whether the
    cell doubles the width, as the first one of a later stack does.

    Attributes:
      skeleton: around the cells.
      operations: the words of each operation.
      projections: for 1 or more sharing vertices, the words of a projection in an
        ordinary cell and in one that doubles the width.
      add: the word of a sum.
      concat: the word of a concatenation.
    """

    skeleton: Skeleton
    operations: tuple[tuple[str, ...], ...]
    projections: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    add: str = word(Other(0, _SIZE, _SIZE, "add", ()))
    concat: str = word(Other(0, _SIZE, _SIZE, "concat", ()))

    def wiring(
        self, projected: bool, inputs: int, shares: int, doubles: bool = False
    ) -> tuple[str, ...]:
        """The words before an inner vertex.

        Args:
          projected: whether the cell's input feeds it.
          inputs: number of vertices that feed it, including the input.
          shares: number of vertices that share the output's channels.
          doubles: whether the cell is twice as wide as its input.
        """
        projection = self.projections[shares - 1][doubles]
        return projection * projected + (self.add,) * (inputs - 1)

    def end(
        self, projected: bool, inner: int, doubles: bool = False
    ) -> tuple[str, ...]:
        """The words of the output, fed by ``inner`` vertices and maybe by the input."""
        projection = self.projections[0][doubles]
        joined = (self.concat,) * (inner > 1) + projection * projected
        return joined + (self.add,) * (projected and inner > 0)


def parts(keep_groups: bool = False) -> VertexWords:
    """Traces the words of the parts; ``keep_groups`` as in `word`."""
    # A vertex fed by the input has one projection before its operation.
    cells = [
        network.CellModule(((0, 1), (1, 2)), (operation,), _WIDTH)
        for operation in range(len(OPERATIONS))
    ]

    def projection(shares: int, width: int) -> tuple[str, ...]:
        module, size = network.unit(_WIDTH // shares, 1), (*_SIZE[:2], width)
        return words_of(module, size, keep_groups)

    return VertexWords(
        Skeleton(
            stem=words_of(network.unit(_WIDTH, 3), network.IMAGE, keep_groups),
            between=words_of(network.downsample(), _SIZE, keep_groups),
            head=words_of(Head(10), (8, 8, 512), keep_groups),
            cells=network.CELLS,
            stacks=network.STACKS,
        ),
        operations=tuple(
            words_of(cell, _SIZE, keep_groups)[len(projection(1, _WIDTH)) :]
            for cell in cells
        ),
        projections=tuple(
            (projection(shares, _WIDTH), projection(shares, _WIDTH // 2))
            for shares in range(1, _MAX_INNER + 1)
        ),
    )


def words(keep_groups: bool = False) -> tuple[str, ...]:
    """All words of the benchmark's networks; ``keep_groups`` as in `word`."""
    known = parts(keep_groups)
    around = known.skeleton
    operations = [w for operation in known.operations for w in operation]
    projections = [w for pair in known.projections for part in pair for w in part]
    rest = (*around.stem, *projections, *around.between, *around.head)
    return tuple(sorted({*operations, *rest, known.add, known.concat}))


def architectures(cells: Columns, vocabulary: Vocabulary) -> Architectures:
    """Token sequences of the networks of all cells, duplicates merged."""
    rows, counts = np.unique(_recipes(cells), axis=0, return_counts=True)
    known = parts()
    spelled = (
        (_cell_words(row, known, False), _cell_words(row, known, True), count)
        for row, count in zip(rows, counts.tolist(), strict=True)
    )
    return known.skeleton.architectures(spelled, vocabulary)


def _cell_words(recipe: np.ndarray, parts: VertexWords, doubles: bool) -> list[str]:
    """The words of one cell, from a row of `_recipes`."""
    result: list[str] = []
    inner, projected_end = recipe[-2:].tolist()
    for projected, inputs, operation in recipe[:-2].reshape(_MAX_INNER, 3).tolist():
        if operation >= 0:
            result += parts.wiring(projected, inputs, inner, doubles)
            result += parts.operations[operation]
    return [*result, *parts.end(projected_end, inner, doubles)]


def _recipes(cells: Columns) -> np.ndarray:
    """The numbers that determine the layers of each cell, ``int8[N, 17]``.

    For each inner vertex: whether the input feeds it (0 or 1), how many vertices feed
    it, and its operation (-1 for no vertex). Then for the output: how many inner
    vertices feed it, and whether the input does.
    """
    vertices, bits, operations = (column.astype(np.int64) for column in cells)
    output = vertices - 1
    columns = []

    def edge(source: int, target: np.ndarray | int) -> np.ndarray:
        return (bits >> (source + target * (target - 1) // 2)) & (source < target)

    for vertex in range(1, _MAX_INNER + 1):
        exists = vertex < output
        inputs = sum(edge(source, vertex) for source in range(vertex))
        columns += [
            np.where(exists, edge(0, vertex), 0),
            np.where(exists, inputs, 0),
            np.where(exists, operations[:, vertex - 1], -1),
        ]
    inner = sum(edge(source, output) for source in range(1, _MAX_INNER + 1))
    columns += [inner, edge(0, output)]
    return np.stack(columns, axis=1).astype(np.int8)
