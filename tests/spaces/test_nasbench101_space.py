"""NAS-Bench-101 as a space of padded graphs, against the published definitions."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.datasets.benchmarks import nasbench101
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.nasbench101.cells import (
    Cell,
    enumerate_cells,
    is_valid,
    module_hash,
    prune,
    to_columns,
)
from gpt_nas_jax.spaces.nasbench101.network import IMAGE, unit, vertex_channels
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space, genomes_of

SPACE = NasBench101Space()
GENOMES = st.tuples(
    st.lists(st.integers(0, 1), min_size=21, max_size=21),
    st.lists(st.integers(0, 2), min_size=5, max_size=5),
)

identity, valid, size, features = map(
    jax.jit, (SPACE.identity, SPACE.valid, SPACE.size, SPACE.features)
)
neighbours = jax.jit(jax.vmap(SPACE.neighbour, (None, 0)))


def cell_of(genome: np.ndarray) -> Cell:
    bits = sum(int(bit) << index for index, bit in enumerate(genome[:21]))
    return Cell(bits, tuple(int(op) for op in genome[21:]))


@pytest.fixture(scope="module")
def sampled() -> np.ndarray:
    return np.asarray(jax.jit(SPACE.sample, static_argnums=1)(jax.random.key(0), 400))


@hypothesis.given(genome=GENOMES)
def test_validity_is_the_published_rule(genome: tuple[list[int], list[int]]):
    row = np.array([*genome[0], *genome[1]], np.int32)
    assert bool(valid(row)) == is_valid(cell_of(row))


def test_samples_are_valid_and_diverse(sampled: np.ndarray):
    assert valid(sampled).all()
    sizes = [prune(cell_of(genome)).n_vertices for genome in sampled]
    assert set(sizes) == set(range(2, 8))
    # After pruning, many random graphs are the same small cell.
    assert len({module_hash(cell_of(genome)) for genome in sampled}) > 200


def test_identities_are_equal_exactly_where_module_hashes_are():
    cells = enumerate_cells(5)
    genomes = genomes_of(*to_columns(cells)).astype(np.int32)
    assert len(np.unique(identity(genomes), axis=0)) == len(cells) == 2532
    assert [module_hash(cell_of(genome)) for genome in genomes] == [
        module_hash(cell) for cell in cells
    ]


def test_isomorphic_cells_have_one_identity(sampled: np.ndarray):
    # Two consecutive inner vertices without an edge between them may be swapped.
    for genome in sampled:
        cell = cell_of(genome)
        matrix = np.zeros((7, 7), int)
        for x, y in cell.edges:
            matrix[x, y] = 1
        for v in range(1, 5):
            if not matrix[v, v + 1]:
                order = list(range(7))
                order[v], order[v + 1] = v + 1, v
                swapped = matrix[np.ix_(order, order)]
                ops = genome[21:].copy()
                ops[v - 1], ops[v] = ops[v], ops[v - 1]
                bits = [swapped[x, y] for y in range(7) for x in range(y)]
                other = np.array([*bits, *ops], np.int32)
                np.testing.assert_array_equal(identity(other), identity(genome))


def test_neighbours_are_valid_networks_one_edit_away(sampled: np.ndarray):
    for genome in sampled[:40]:
        others, exist = neighbours(genome, jnp.arange(SPACE.num_neighbours))
        edits = (np.asarray(others) != genome).sum(-1)
        assert (edits == 1).all()
        for other, exists in zip(np.asarray(others), exist, strict=True):
            assert bool(exists) == is_valid(cell_of(other))


def test_size_counts_the_weights_of_a_cell(sampled: np.ndarray):
    width = 5 * 4 * 3 * 2
    for genome in sampled[:40]:
        cell = prune(cell_of(genome))
        output = cell.n_vertices - 1
        channels = vertex_channels(cell.edges, output, width)
        weights = sum(
            (9, 1, 0)[op] * channels[vertex] ** 2
            for vertex, op in enumerate(cell.ops, start=1)
        )
        for target in (y for x, y in cell.edges if x == 0):
            weights += width * (width if target == output else channels[target])
        np.testing.assert_allclose(size(genome), weights / width**2, rtol=1e-5)


def test_features_count_paths(sampled: np.ndarray):
    for genome in sampled[:40]:
        cell = prune(cell_of(genome))
        expected: dict[tuple[int, ...], int] = {}

        def walk(
            vertex: int,
            path: tuple[int, ...],
            cell: Cell = cell,
            expected: dict[tuple[int, ...], int] = expected,
        ) -> None:
            if vertex == cell.n_vertices - 1:
                expected[path] = expected.get(path, 0) + 1
                return
            if vertex:
                path = (*path, cell.ops[vertex - 1])
            for x, y in cell.edges:
                if x == vertex:
                    walk(y, path)

        walk(0, ())
        counts = np.asarray(features(genome))[:364] ** 2
        for path, count in expected.items():
            start = (3 ** len(path) - 1) // 2
            place = sum(op * 3**k for k, op in enumerate(reversed(path)))
            np.testing.assert_allclose(counts[start + place], count, rtol=1e-5)
        np.testing.assert_allclose(counts.sum(), sum(expected.values()), rtol=1e-5)


def test_every_cell_of_the_benchmark_has_an_identity_of_its_own(shared_data):
    cells = nasbench101.read(shared_data / "nasbench101.npz")
    genomes = genomes_of(cells.n_vertices, cells.edge_bits, cells.ops)
    part = genomes[:: len(genomes) // 20_000].astype(np.int32)
    assert len(np.unique(identity(part), axis=0)) == len(part)


def test_a_decoded_network_has_the_parameters_of_the_benchmark(shared_data):
    cells = nasbench101.read(shared_data / "nasbench101.npz")
    genomes = genomes_of(cells.n_vertices, cells.edge_bits, cells.ops)
    for row in (7, 200_000):
        network = SPACE.decode(genomes[row])
        assert trace(network, IMAGE).params == cells.params[row]


def test_listed_cells_are_drawn_equally_often():
    listed = genomes_of(*to_columns(enumerate_cells(3)))
    space = NasBench101Space(listed=listed)
    drawn = np.asarray(space.sample(jax.random.key(0), 4000))
    rows, counts = np.unique(drawn, axis=0, return_counts=True)
    np.testing.assert_array_equal(rows, np.unique(listed, axis=0))
    np.testing.assert_allclose(counts, 4000 / len(listed), rtol=0.25)


def test_running_statistics_converge_within_a_short_training():
    """With the benchmark's momentum, 100 steps would leave 0.74 of the initial ones."""
    assert unit(8, 3).momentum ** 100 < 0.01
