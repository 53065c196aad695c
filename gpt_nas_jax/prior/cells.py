"""The layers of every NAS-Bench-101 network, without building each.

A cell's layers are the layers of its parts in a fixed order, so the parts are
traced once and joined; cells that give the same layers are joined only once.
"""

import collections
import dataclasses
from typing import TypeAlias

import flax.linen as nn
import numpy as np

from gpt_nas_jax.data.nasbench101 import OPERATIONS
from gpt_nas_jax.networks import nasbench101
from gpt_nas_jax.networks.chain import Head
from gpt_nas_jax.networks.layers import Other, Size
from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.prior.corpus import Architectures
from gpt_nas_jax.prior.vocabulary import Vocabulary, word

Columns: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Graphs as columns: number of vertices, edge bits, operations ``uint8[N, 5]``."""

_MAX_INNER = 5
_SIZE: Size = (32, 32, 128)


@dataclasses.dataclass(frozen=True)
class _Parts:
    """Words of what the networks are made of."""

    stem: tuple[str, ...]
    operations: tuple[tuple[str, ...], ...]
    projection: tuple[str, ...]
    downsample: tuple[str, ...]
    head: tuple[str, ...]
    add: str = word(Other(0, _SIZE, _SIZE, "add", ()))
    concat: str = word(Other(0, _SIZE, _SIZE, "concat", ()))


def _parts(keep_groups: bool = False) -> _Parts:
    def words(module: nn.Module, size: Size) -> tuple[str, ...]:
        return tuple(word(layer, keep_groups) for layer in layers_of(module, size))

    # A vertex behind the input carries its operation after one projection.
    cells = [
        words(nasbench101.CellModule(((0, 1), (1, 2)), (operation,), 128), _SIZE)
        for operation in range(len(OPERATIONS))
    ]
    projection = words(nasbench101.CellModule(((0, 1),), (), 128), _SIZE)
    return _Parts(
        stem=words(nasbench101.unit(128, 3), nasbench101.IMAGE),
        operations=tuple(cell[len(projection) :] for cell in cells),
        projection=projection,
        downsample=words(nasbench101.downsample(), _SIZE),
        head=words(Head(10), (8, 8, 512)),
    )


def words(keep_groups: bool = False) -> tuple[str, ...]:
    """All words that occur in the benchmark's networks; arguments as of `word`."""
    parts = _parts(keep_groups)
    operations = [w for operation in parts.operations for w in operation]
    rest = (*parts.stem, *parts.projection, *parts.downsample, *parts.head)
    return tuple(sorted({*operations, *rest, parts.add, parts.concat}))


def architectures(cells: Columns, vocabulary: Vocabulary) -> Architectures:
    """Token sequences of the networks of all cells, equal ones merged."""
    rows, counts = np.unique(_recipes(cells), axis=0, return_counts=True)
    parts = _parts()
    # Different recipes may spell the same words: a projection is a 1x1 convolution.
    merged: collections.Counter[bytes] = collections.Counter()
    for row, count in zip(rows, counts.tolist(), strict=True):
        merged[vocabulary.encode(_cell_words(row, parts)).tobytes()] += count
    stem, downsample, head = map(
        vocabulary.encode, (parts.stem, parts.downsample, parts.head)
    )
    sequences = []
    for tokens in merged:
        stack = [np.frombuffer(tokens, np.int32)] * nasbench101.CELLS
        between = [downsample, *stack] * (nasbench101.STACKS - 1)
        sequences.append(np.concatenate([stem, *stack, *between, head]))
    return Architectures(tuple(sequences), np.array([*merged.values()], np.float64))


def _cell_words(recipe: np.ndarray, parts: _Parts) -> list[str]:
    """The words of one cell, spelled out of a row of `_recipes`."""
    result: list[str] = []
    for projected, inputs, operation in recipe[:-2].reshape(_MAX_INNER, 3).tolist():
        if operation >= 0:
            result += [*parts.projection * projected, *[parts.add] * (inputs - 1)]
            result += parts.operations[operation]
    inner, projected = recipe[-2:].tolist()
    result += [*[parts.concat] * (inner > 1), *parts.projection * projected]
    return result + [parts.add] * (projected and inner > 0)


def _recipes(cells: Columns) -> np.ndarray:
    """What fixes the layers of each cell, ``int8[N, 17]``.

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
