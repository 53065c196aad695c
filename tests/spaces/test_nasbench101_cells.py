"""Cells of NAS-Bench-101 as graphs, against the published benchmark."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.datasets.benchmarks import nasbench101
from gpt_nas_jax.datasets.benchmarks.nasbench101 import pack_edges
from gpt_nas_jax.spaces.nasbench101.cells import (
    Cell,
    enumerate_cells,
    from_columns,
    is_valid,
    module_hash,
    prune,
    to_columns,
)
from gpt_nas_jax.types import UsageError


def chain(n: int) -> list[tuple[int, int]]:
    return [(x, x + 1) for x in range(n - 1)]


def cell(edges: list[tuple[int, int]], *ops: int) -> Cell:
    return Cell(pack_edges(edges), ops)


def relabelled(cell: Cell, labels: dict[int, int]) -> Cell:
    """The cell with each vertex ``v`` renamed to ``labels[v]``."""
    ops = list(cell.ops)
    for vertex, op in enumerate(cell.ops, start=1):
        ops[labels[vertex] - 1] = op
    return Cell(pack_edges((labels[x], labels[y]) for x, y in cell.edges), tuple(ops))


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    n = draw(st.integers(2, 7))
    edge_bits = draw(st.integers(0, 2 ** (n * (n - 1) // 2) - 1))
    ops = draw(st.lists(st.integers(0, 2), min_size=n - 2, max_size=n - 2))
    return Cell(edge_bits, tuple(ops))


def connected_cells() -> st.SearchStrategy[Cell]:
    return cells().filter(lambda cell: prune(cell) is not None)


@pytest.fixture(scope="module")
def published(shared_data) -> tuple[list[str], tuple[np.ndarray, ...]]:
    """The published hashes, and the columns of their cells."""
    with np.load(shared_data / "nasbench101.npz") as archive:
        hashes = [digest.tobytes().hex() for digest in archive["hash"]]
        return hashes, tuple(archive[n] for n in ("n_vertices", "edge_bits", "ops"))


def test_hash_of_the_cell_of_the_highest_published_accuracy():
    edges = [(0, 1), (0, 2), (0, 5), (0, 6), (1, 5), (2, 3), (3, 4), (4, 5), (5, 6)]
    best = cell(edges, 1, 0, 2, 0, 0)
    assert sorted(best.edges) == edges
    assert module_hash(best) == "02e5a0247bbdcf2860b7e96f74961594"


def test_hashes_are_the_published_ones(published):
    hashes, columns = published
    rows = np.random.default_rng(0).choice(len(hashes), 400, replace=False)
    sample = from_columns(*(column[rows] for column in columns))
    assert [module_hash(cell) for cell in sample] == [hashes[row] for row in rows]


@hypothesis.settings(deadline=None)
@hypothesis.given(cell=connected_cells(), data=st.data())
def test_hash_does_not_depend_on_the_order_of_the_vertices(cell, data):
    n = cell.n_vertices
    labels = {0: 0, n - 1: n - 1}
    for label in range(1, n - 1):
        unlabelled = set(range(n)) - labels.keys()
        waiting = {y for x, y in cell.edges if x in unlabelled}
        vertex = data.draw(st.sampled_from(sorted(unlabelled - waiting)))
        labels[vertex] = label
    assert module_hash(relabelled(cell, labels)) == module_hash(cell)


def test_hash_tells_operations_and_directions_apart():
    different = [
        cell(chain(4), 0, 1),
        cell(chain(4), 1, 0),
        cell(chain(4), 0, 0),
        cell([*chain(4), (0, 2)], 0, 1),
        cell([*chain(4), (1, 3)], 0, 1),
        cell([(0, 1), (0, 2), (1, 3), (2, 3)], 0, 1),
    ]
    assert len({module_hash(cell) for cell in different}) == len(different)


@hypothesis.settings(deadline=None)
@hypothesis.given(cell=cells())
def test_prune_keeps_the_vertices_on_paths(cell):
    n = cell.n_vertices
    # reach[x, y]: the number of paths from x to y, including the empty one.
    reach = sum(np.linalg.matrix_power(adjacency(cell), i) for i in range(n))
    on_path = [v for v in range(n) if reach[0, v] * reach[v, n - 1]]
    pruned = prune(cell)
    if not on_path:
        assert pruned is None
        return
    expected = adjacency(cell)[np.ix_(on_path, on_path)]
    np.testing.assert_array_equal(adjacency(pruned), expected)
    assert pruned.ops == tuple(cell.ops[v - 1] for v in on_path[1:-1])


def adjacency(cell: Cell) -> np.ndarray:
    matrix = np.zeros((cell.n_vertices, cell.n_vertices), int)
    for x, y in cell.edges:
        matrix[x, y] = 1
    return matrix


def test_a_vertex_off_every_path_changes_neither_cell_nor_hash():
    plain = cell([(0, 1), (1, 2)], 2)
    # A dead end after vertex 1, and a vertex without incoming edges.
    grown = cell([(0, 1), (1, 2), (1, 4), (3, 4)], 2, 0, 1)
    assert prune(grown) == prune(plain) == plain
    assert module_hash(grown) == module_hash(plain)


def test_validity():
    five = list(itertools.combinations(range(5), 2))
    assert is_valid(cell(chain(2)))
    assert is_valid(cell([*chain(7), (0, 2), (0, 3), (0, 4)], 0, 1, 2, 0, 1))
    assert is_valid(cell(five[1:], 0, 0, 0))
    assert not is_valid(cell(five, 0, 0, 0)), "ten edges"
    assert not is_valid(cell(chain(8), 0, 0, 0, 0, 0, 0)), "eight vertices"
    assert not is_valid(cell([(0, 1), (0, 2)], 0, 0)), "input and output apart"
    skipping_vertex_6 = [*chain(6), (5, 7)]
    assert is_valid(cell(skipping_vertex_6, 0, 0, 0, 0, 0, 0)), "seven once pruned"


def test_enumeration_is_the_published_one(published):
    hashes, (n_vertices, _, _) = published
    small = [hashes[row] for row in np.flatnonzero(n_vertices <= 5)]
    assert [module_hash(cell) for cell in enumerate_cells(5)] == small


def test_enumeration_is_unique_pruned_and_of_the_published_size():
    enumerated = enumerate_cells(5)
    hashes = [module_hash(cell) for cell in enumerated]
    assert len(hashes) == 2532
    assert hashes == sorted(set(hashes))
    assert all(prune(cell) == cell and is_valid(cell) for cell in enumerated)


def test_enumeration_is_complete():
    every = {
        module_hash(cell)
        for n in range(2, 5)
        for bits in range(2 ** (n * (n - 1) // 2))
        for ops in itertools.product(range(3), repeat=n - 2)
        if is_valid(cell := Cell(bits, ops))
    }
    assert {module_hash(cell) for cell in enumerate_cells(4)} == every


@pytest.mark.parametrize("max_vertices", [1, 8])
def test_enumeration_of_other_sizes_is_refused(max_vertices):
    with pytest.raises(UsageError, match="give 2 to 7"):
        enumerate_cells(max_vertices)


@hypothesis.settings(deadline=None)
@hypothesis.given(some=st.lists(cells(), max_size=5))
def test_columns_round_trip(some):
    n_vertices, edge_bits, ops = to_columns(some)
    assert (n_vertices.dtype, edge_bits.dtype, ops.dtype) == (
        np.uint8,
        np.uint32,
        np.uint8,
    )
    assert ops.shape == (len(some), 5)
    assert (ops == nasbench101.NO_OPERATION).sum(1).tolist() == [
        7 - cell.n_vertices for cell in some
    ]
    assert from_columns(n_vertices, edge_bits, ops) == tuple(some)


def test_unusable_cells_are_refused():
    with pytest.raises(UsageError, match="exceed 3 vertices"):
        Cell(8, (0,))
    with pytest.raises(UsageError, match="give 0 to 2"):
        Cell(1, (3,))
    with pytest.raises(UsageError, match="connect its input"):
        module_hash(Cell(0, ()))
    with pytest.raises(UsageError, match="at most 7 vertices"):
        to_columns([cell(chain(8), 0, 0, 0, 0, 0, 0)])
