"""The cells of NAS-Bench-101 as graphs (Ying et al., 2019, arXiv 1902.09635)."""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from gpt_nas_jax.datasets.benchmarks.nasbench101 import (
    MAX_VERTICES,
    NO_OPERATION,
    OPERATIONS,
    pack_edges,
)
from gpt_nas_jax.types import UsageError

MAX_EDGES = 9


@dataclasses.dataclass(frozen=True)
class Cell:
    """A directed acyclic graph: vertex 0 is the input, the last one the output.

    Attributes:
      edge_bits: the edges x -> y, x < y, as packed by ``nasbench101.pack_edges``.
      ops: per inner vertex an index into ``nasbench101.OPERATIONS``.

    Raises:
      UsageError: an edge leads to a missing vertex, or an operation is unknown.
    """

    edge_bits: int
    ops: tuple[int, ...]

    def __post_init__(self) -> None:
        n = self.n_vertices
        if not 0 <= self.edge_bits < 1 << n * (n - 1) // 2:
            raise UsageError(f"edge_bits {self.edge_bits} exceed {n} vertices")
        if not all(0 <= op < len(OPERATIONS) for op in self.ops):
            raise UsageError(f"ops {self.ops}: give 0 to {len(OPERATIONS) - 1} each")

    @property
    def n_vertices(self) -> int:
        return len(self.ops) + 2

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """The edges (x, y), ascending by y, then x."""
        return tuple(
            (x, y)
            for i, (x, y) in enumerate(_possible_edges(self.n_vertices))
            if self.edge_bits >> i & 1
        )


def prune(cell: Cell) -> Cell | None:
    """Drops every vertex that lies on no path from the input to the output.

    Returns:
      The cell of the remaining vertices, in order; None if the input is not connected
      to the output.
    """
    output = cell.n_vertices - 1
    edges = cell.edges
    from_input, to_output = {0}, {output}
    for x, y in edges:
        if x in from_input:
            from_input.add(y)
    for x, y in sorted(edges, reverse=True):
        if y in to_output:
            to_output.add(x)
    if output not in from_input:
        return None
    kept = sorted(from_input & to_output)
    label = {vertex: i for i, vertex in enumerate(kept)}
    return Cell(
        pack_edges((label[x], label[y]) for x, y in edges if x in label and y in label),
        tuple(cell.ops[vertex - 1] for vertex in kept[1:-1]),
    )


def is_valid(cell: Cell) -> bool:
    """Whether the pruned cell is in the space: <= 7 vertices and <= 9 edges."""
    pruned = prune(cell)
    return (
        pruned is not None
        and pruned.n_vertices <= MAX_VERTICES
        and pruned.edge_bits.bit_count() <= MAX_EDGES
    )


def module_hash(cell: Cell) -> str:
    """Returns the published identifier of a cell, equal for isomorphic pruned cells.

    Every vertex starts with the MD5 of (out-degree, in-degree, operation) and is
    rehashed with its neighbours' values once per vertex; the MD5 of the sorted values
    is the hash, 32 hexadecimal digits. Cells of the space collide only if they are
    isomorphic. Source: graph_util.py of google-research/nasbench.

    Raises:
      UsageError: the input is not connected to the output.
    """
    pruned = prune(cell)
    if pruned is None:
        raise UsageError(f"{cell}: connect its input to its output")
    sources: list[list[int]] = [[] for _ in range(pruned.n_vertices)]
    targets: list[list[int]] = [[] for _ in range(pruned.n_vertices)]
    for x, y in pruned.edges:
        sources[y].append(x)
        targets[x].append(y)
    labels = (-1, *pruned.ops, -2)
    values = [
        _md5(str((len(outgoing), len(incoming), label)))
        for outgoing, incoming, label in zip(targets, sources, labels, strict=True)
    ]
    for _ in range(pruned.n_vertices):
        values = [
            _md5(
                "".join(sorted(values[x] for x in incoming))
                + "|"
                + "".join(sorted(values[y] for y in outgoing))
                + "|"
                + own
            )
            for incoming, outgoing, own in zip(sources, targets, values, strict=True)
        ]
    return _md5(str(sorted(values)))


def enumerate_cells(max_vertices: int) -> tuple[Cell, ...]:
    """Returns one pruned cell of every isomorphism class, ascending by module hash.

    2,532 cells have at most 5 vertices, and 423,624 at most 7, the whole space.

    Raises:
      UsageError: ``max_vertices`` is not in 2..7.
    """
    if not 2 <= max_vertices <= MAX_VERTICES:
        raise UsageError(f"max_vertices {max_vertices}: give 2 to {MAX_VERTICES}")
    cells = itertools.chain.from_iterable(
        _classes(n) for n in range(2, max_vertices + 1)
    )
    return tuple(sorted(cells, key=module_hash))


def from_columns(
    n_vertices: np.ndarray, edge_bits: np.ndarray, ops: np.ndarray
) -> tuple[Cell, ...]:
    """Returns the cells of the columns ``[N]``, ``[N]`` and ``[N, 5]`` of ``Cells``."""
    rows = zip(n_vertices.tolist(), edge_bits.tolist(), ops.tolist(), strict=True)
    return tuple(Cell(bits, tuple(row[: n - 2])) for n, bits, row in rows)


def to_columns(cells: Sequence[Cell]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns uint8[N] vertices, uint32[N] edge bits and uint8[N, 5] ops of cells.

    Raises:
      UsageError: a cell has more than 7 vertices.
    """
    ops = np.full((len(cells), MAX_VERTICES - 2), NO_OPERATION, np.uint8)
    for row, cell in zip(ops, cells, strict=True):
        if cell.n_vertices > MAX_VERTICES:
            raise UsageError(f"{cell}: at most {MAX_VERTICES} vertices fit a row")
        row[: len(cell.ops)] = cell.ops
    return (
        np.array([cell.n_vertices for cell in cells], np.uint8),
        np.array([cell.edge_bits for cell in cells], np.uint32),
        ops,
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _possible_edges(n: int) -> Iterator[tuple[int, int]]:
    """The edges of n vertices in the order of their bits."""
    return ((x, y) for y in range(n) for x in range(y))


def _classes(n: int) -> Iterator[Cell]:
    """Yields the cell of least (graph, ops) of each isomorphism class of n vertices."""
    graphs = _graphs(n)
    relabellings = [(0, *p, n - 1) for p in itertools.permutations(range(1, n - 1))]
    for labels in relabellings:
        graphs = graphs[graphs <= _relabel(graphs, labels)]

    ops = np.array(list(itertools.product(range(len(OPERATIONS)), repeat=n - 2)), int)
    place_values = len(OPERATIONS) ** np.arange(n)
    least = np.ones((len(graphs), len(ops)), bool)
    for labels in relabellings:
        symmetric = graphs == _relabel(graphs, labels)
        relabelled = ops @ place_values[list(labels[1:-1])]
        least[symmetric] &= ops @ place_values[1:-1] <= relabelled
    for graph, row in np.argwhere(least):
        yield Cell(int(graphs[graph]), tuple(ops[row].tolist()))


def _graphs(n: int) -> np.ndarray:
    """Edge bits of all graphs of <= 9 edges whose n vertices all lie on a path."""
    graphs = np.arange(1 << n * (n - 1) // 2)
    graphs = graphs[np.bitwise_count(graphs) <= MAX_EDGES]
    for v in range(n - 1):
        # In an acyclic graph, one edge into and one out of each vertex suffice.
        leaving = pack_edges((v, y) for y in range(v + 1, n))
        entering = pack_edges((x, v + 1) for x in range(v + 1))
        graphs = graphs[(graphs & leaving != 0) & (graphs & entering != 0)]
    return graphs


def _relabel(graphs: np.ndarray, labels: tuple[int, ...]) -> np.ndarray:
    """Edge bits after vertex v is relabelled ``labels[v]``.

    A graph in which an edge then points backwards compares greater than any cell.
    """
    relabelled = np.zeros_like(graphs)
    for i, (x, y) in enumerate(_possible_edges(len(labels))):
        backwards = labels[x] > labels[y]
        bit = 1 << 62 if backwards else pack_edges([(labels[x], labels[y])])
        relabelled |= (graphs >> i & 1) * bit
    return relabelled
