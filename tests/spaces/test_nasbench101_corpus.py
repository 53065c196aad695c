"""Layers of cells, assembled from parts, against traces of their networks."""

import collections
import functools
import pathlib

import numpy as np

from gpt_nas_jax.datasets.benchmarks.nasbench101 import pack_edges
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.nasbench101 import corpus as nasbench101_corpus
from gpt_nas_jax.spaces.nasbench101.cells import (
    Cell,
    enumerate_cells,
    from_columns,
    to_columns,
)
from gpt_nas_jax.spaces.nasbench101.network import IMAGE, network
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word

WORDS = Vocabulary(nasbench101_corpus.words())


@functools.cache
def small() -> tuple[Cell, ...]:
    return enumerate_cells(5)


def traced(cell: Cell) -> list[str]:
    layers = trace(network(cell.edges, cell.ops), IMAGE).layers
    return [word(part.layer) for part in layers]


def spelled(cell: Cell) -> list[str]:
    (sequence,) = nasbench101_corpus.architectures(to_columns([cell]), WORDS).sequences
    return WORDS.decode(sequence)


def test_cells_are_spelled_as_their_networks_are_traced():
    # Five random cells, a single edge from input to output, and one with a pooling.
    some = small()
    drawn = np.random.default_rng(0).choice(len(some), 5, False)
    for cell in (
        *(some[index] for index in drawn),
        Cell(pack_edges([(0, 1)]), ()),
        Cell(pack_edges([(0, 1), (0, 2), (1, 2)]), (2,)),
    ):
        assert spelled(cell) == traced(cell), cell


def test_cells_of_seven_vertices_are_spelled_as_traced(shared_data: pathlib.Path):
    with np.load(shared_data / "nasbench101.npz") as archive:
        columns = [archive[name] for name in ("n_vertices", "edge_bits", "ops")]
    largest = np.flatnonzero(columns[0] == 7)
    rows = np.random.default_rng(0).choice(largest, 5, replace=False)
    for cell in from_columns(*(column[rows] for column in columns)):
        assert spelled(cell) == traced(cell)


def test_equal_sequences_are_merged_and_every_cell_counts():
    cells = small()[:600]
    together = nasbench101_corpus.architectures(to_columns(cells), WORDS)
    expected = collections.Counter(tuple(spelled(cell)) for cell in cells)
    words = [tuple(WORDS.decode(tokens)) for tokens in together.sequences]
    assert dict(zip(words, together.counts.tolist(), strict=True)) == expected
    assert len(words) == len(expected) < len(cells) == together.counts.sum()


def test_projections_and_1x1_operations_are_told_apart_by_their_widths():
    # Two branches, each of a projection and a 1x1; and a projection followed by three
    # 1x1 in a row, of which the first and the last feed the output.
    branches = Cell(pack_edges([(0, 1), (0, 2), (1, 3), (2, 3)]), (1, 1))
    row = Cell(pack_edges([(0, 1), (1, 2), (2, 3), (1, 4), (3, 4)]), (1, 1, 1))
    assert len(traced(branches)) == len(traced(row))
    together = nasbench101_corpus.architectures(to_columns([branches, row]), WORDS)
    assert together.counts.tolist() == [1, 1]


def test_no_cells_make_no_architectures():
    assert len(nasbench101_corpus.architectures(to_columns([]), WORDS)) == 0
