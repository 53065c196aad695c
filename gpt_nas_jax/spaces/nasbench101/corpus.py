"""The layers of every NAS-Bench-101 network, without building each.

A cell's layers are the layers of its parts in a fixed order, so the parts are
traced once and joined; cells that give the same layers are joined only once.
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
_SIZE: Size = (32, 32, 128)


@dataclasses.dataclass(frozen=True)
class VertexWords:
    """Words of what the networks are made of."""

    skeleton: Skeleton
    operations: tuple[tuple[str, ...], ...]
    projection: tuple[str, ...]
    add: str = word(Other(0, _SIZE, _SIZE, "add", ()))
    concat: str = word(Other(0, _SIZE, _SIZE, "concat", ()))

    def wiring(self, projected: bool, inputs: int) -> tuple[str, ...]:
        """In front of an inner vertex fed by so many, the input among them or not."""
        return self.projection * projected + (self.add,) * (inputs - 1)

    def end(self, projected: bool, inner: int) -> tuple[str, ...]:
        """Of the output, fed by so many inner vertices and by the input or not."""
        joined = (self.concat,) * (inner > 1) + self.projection * projected
        return joined + (self.add,) * (projected and inner > 0)


def parts(keep_groups: bool = False) -> VertexWords:
    """The words of the parts, traced; arguments as of `word`."""
    # A vertex behind the input carries its operation after one projection.
    cells = [
        network.CellModule(((0, 1), (1, 2)), (operation,), 128)
        for operation in range(len(OPERATIONS))
    ]
    edge = network.CellModule(((0, 1),), (), 128)
    projection = words_of(edge, _SIZE, keep_groups)
    return VertexWords(
        Skeleton(
            stem=words_of(network.unit(128, 3), network.IMAGE, keep_groups),
            between=words_of(network.downsample(), _SIZE, keep_groups),
            head=words_of(Head(10), (8, 8, 512), keep_groups),
            cells=network.CELLS,
            stacks=network.STACKS,
        ),
        operations=tuple(
            words_of(cell, _SIZE, keep_groups)[len(projection) :] for cell in cells
        ),
        projection=projection,
    )


def words(keep_groups: bool = False) -> tuple[str, ...]:
    """All words that occur in the benchmark's networks; arguments as of `word`."""
    known = parts(keep_groups)
    around = known.skeleton
    operations = [w for operation in known.operations for w in operation]
    rest = (*around.stem, *known.projection, *around.between, *around.head)
    return tuple(sorted({*operations, *rest, known.add, known.concat}))


def architectures(cells: Columns, vocabulary: Vocabulary) -> Architectures:
    """Token sequences of the networks of all cells, equal ones merged."""
    rows, counts = np.unique(_recipes(cells), axis=0, return_counts=True)
    known = parts()
    # Different recipes may spell the same words: a projection is a 1x1 convolution.
    spelled = (_cell_words(row, known) for row in rows)
    pairs = zip(spelled, counts.tolist(), strict=True)
    return known.skeleton.architectures(pairs, vocabulary)


def _cell_words(recipe: np.ndarray, parts: VertexWords) -> list[str]:
    """The words of one cell, spelled out of a row of `_recipes`."""
    result: list[str] = []
    for projected, inputs, operation in recipe[:-2].reshape(_MAX_INNER, 3).tolist():
        if operation >= 0:
            result += [*parts.wiring(projected, inputs), *parts.operations[operation]]
    inner, projected = recipe[-2:].tolist()
    return [*result, *parts.end(projected, inner)]


def _recipes(cells: Columns) -> np.ndarray:
    """The numbers that fix the layers of each cell, ``int8[N, 17]``.

    For each inner vertex: whether the input feeds it (0 or 1), how many vertices
    feed it, its operation (-1: no such vertex). Then for the output: how many inner
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
