"""NAS-Bench-101 networks against the published table."""

import pathlib

import jax
import numpy as np
import pytest

from gpt_nas_jax.datasets.benchmarks.nasbench101 import Cells, read
from gpt_nas_jax.networks.cost import depth
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.nasbench101.cells import Cell, from_columns
from gpt_nas_jax.spaces.nasbench101.network import (
    IMAGE,
    OPERATIONS,
    CellModule,
    network,
    vertex_channels,
)

ROWS = 25


@pytest.fixture(scope="module")
def rows(shared_data: pathlib.Path) -> list[tuple[Cell, int]]:
    """Cells drawn at random, with their published numbers of parameters."""
    table: Cells = read(shared_data / "nasbench101.npz")
    chosen = np.random.default_rng(0).choice(len(table.params), ROWS, replace=False)
    cells = from_columns(
        table.n_vertices[chosen], table.edge_bits[chosen], table.ops[chosen]
    )
    return list(zip(cells, table.params[chosen].tolist(), strict=True))


@pytest.mark.slow
def test_parameters_are_the_published_ones(rows: list[tuple[Cell, int]]):
    ours = [trace(network(cell.edges, cell.ops), IMAGE).params for cell, _ in rows]
    assert ours == [params for _, params in rows]


def test_channels_reach_the_output_whole_and_never_grow_on_the_way(
    rows: list[tuple[Cell, int]],
):
    for cell, _ in rows:
        output = cell.n_vertices - 1
        channels = vertex_channels(cell.edges, output, 128)
        assert set(channels) == set(range(1, output))
        into_output = [channels[x] for x, y in cell.edges if y == output and x > 0]
        assert sum(into_output) in (128, 0)
        assert all(
            channels[x] >= channels[y] for x, y in cell.edges if x > 0 and y < output
        )


def test_shares_that_do_not_divide_go_to_the_first_vertices():
    edges = ((0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4))
    assert vertex_channels(edges, 4, 128) == {1: 43, 2: 43, 3: 42}


def test_a_cell_adds_its_inputs_and_joins_what_feeds_the_output():
    # Vertex 1 pools a projection of the input; the output adds another projection of
    # the input. If projections are the identity, the sum is known.
    cell = CellModule(((0, 1), (0, 2), (1, 2)), (OPERATIONS.index("maxpool3x3"),), 4)
    x = np.random.default_rng(0).uniform(0.1, 1, (1, 5, 6, 4)).astype(np.float32)
    variables = jax.jit(cell.init, static_argnums=2)(jax.random.key(0), x, False)
    identity = np.eye(4, dtype=np.float32)[None, None]
    variables["params"] = jax.tree.map(
        lambda leaf: identity if leaf.ndim == 4 else leaf, variables["params"]
    )
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    pooled = np.max(
        [padded[:, i : i + 5, j : j + 6] for i in range(3) for j in range(3)], axis=0
    )
    out = cell.apply(variables, x, False)
    np.testing.assert_allclose(out, x + pooled, rtol=1e-4)


def test_nine_cells_stand_between_the_stem_and_the_classifier():
    chain = ((0, 1), (1, 2))
    # The stem, a projection and a 3x3 in each cell, and the classifier.
    assert depth(network(chain, (0,)), IMAGE) == 1 + 9 * 2 + 1
    sizes = [
        part.layer.out_size
        for part in trace(network(chain, (0,)), IMAGE).layers
        if part.block == "MaxPool"
    ]
    assert sizes == [(16, 16, 128), (8, 8, 256)]
