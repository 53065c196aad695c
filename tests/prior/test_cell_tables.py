"""The tokens of cells, from the tables and from traces of whole networks."""

from collections.abc import Sequence

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st
from prior_support import SPACES, sample

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.prior import examples
from gpt_nas_jax.spaces.nasbench101 import corpus as nasbench101_corpus
from gpt_nas_jax.spaces.nasbench101 import network as nasbench101_network
from gpt_nas_jax.spaces.nasbench101.cells import Cell, prune
from gpt_nas_jax.spaces.nasbench201 import corpus as nasbench201_corpus
from gpt_nas_jax.spaces.nasbench201 import network as nasbench201_network
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.reading import ReadingTable, read
from gpt_nas_jax.tokens.vocabulary import START, Vocabulary, word

WORDS_201 = Vocabulary(nasbench201_corpus.words())
WORDS_101 = Vocabulary(nasbench101_corpus.words())
EDGES, INNER = 21, 5
CELLS_201 = st.lists(st.integers(0, 4), min_size=6, max_size=6)
CELLS_101 = st.tuples(
    st.lists(st.integers(0, 1), min_size=EDGES, max_size=EDGES),
    st.lists(st.integers(0, 2), min_size=INNER, max_size=INNER),
).map(lambda parts: [*parts[0], *parts[1]])

reads = jax.jit(read)


@pytest.fixture(scope="module")
def table_201() -> ReadingTable:
    return SPACES["nasbench201"].reading(WORDS_201)


@pytest.fixture(scope="module")
def table_101() -> ReadingTable:
    return SPACES["nasbench101"].reading(WORDS_101)


def traced(network: Chain, words: Vocabulary, blocks: int | None = None) -> list[int]:
    """Tokens of a network, or of its first blocks."""
    layers = trace(Chain(network.blocks[:blocks]), nasbench201_network.IMAGE).layers
    return words.encode(word(part.layer) for part in layers).tolist()


def pruned(genome: Sequence[int]) -> Cell | None:
    bits = sum(bit << index for index, bit in enumerate(genome[:EDGES]))
    return prune(Cell(bits, tuple(genome[EDGES:])))


def contexts(table: ReadingTable, genome: Sequence[int]) -> list[list[int]]:
    """The context before each position of a table, and the one after the last."""
    genes = np.array(genome, np.int32)
    result = [jax.jit(type(table).start)(table, genes)]
    for position in table.positions:
        result.append(reads(table, result[-1], genes, position))
    return np.array(result).tolist()


def last(tokens: list[int]) -> list[int]:
    return [START] * (CONTEXT - len(tokens)) + tokens[-CONTEXT:]


@hypothesis.settings(max_examples=20)
@hypothesis.given(genome=CELLS_201)
def test_reading_edges_is_tracing_the_cell(genome: list[int], table_201: ReadingTable):
    # If the last edges are `none`, their own words are missing, and no others.
    fronts = [[*genome[:count], *[0] * (6 - count)] for count in range(7)]
    expected = [
        last(traced(nasbench201_network.network(tuple(front)), WORDS_201, 2))
        for front in fronts
    ]
    assert contexts(table_201, genome) == expected


@hypothesis.settings(max_examples=25)
@hypothesis.given(genome=CELLS_101)
def test_reading_vertices_is_tracing_the_pruned_cell(
    genome: list[int], table_101: ReadingTable
):
    cell = pruned(genome)
    found = contexts(table_101, genome)
    stem = last(traced(nasbench101_network.network(((0, 1),), ()), WORDS_101, 1))
    if cell is None:
        assert found == [stem] * (INNER + 1)
        return
    whole = traced(nasbench101_network.network(cell.edges, cell.ops), WORDS_101, 2)
    assert found[-1] == last(whole)
    # Each operation follows the context before it; those of vertices on no path are
    # not read.
    operations = nasbench101_corpus.parts().operations
    live = np.asarray(table_101.eliminable(np.array(genome)))[EDGES:]
    assert [genome[EDGES + i] for i in np.flatnonzero(live)] == [*cell.ops]
    for index in range(INNER):
        tokens = WORDS_101.encode(operations[genome[EDGES + index]]).tolist()
        before, after = found[index], found[index + 1]
        if live[index]:
            place = len(whole) - len(tokens)
            assert any(
                last(whole[:end]) == before and whole[end : end + len(tokens)] == tokens
                for end in range(place + 1)
            )
        elif index + 1 < INNER and not live[index + 1]:
            assert before == after


@hypothesis.given(genome=CELLS_101, data=st.data())
def test_operations_to_come_are_not_read(
    genome: list[int],
    data: st.DataObject,
    table_101: ReadingTable,
    table_201: ReadingTable,
):
    for table, cell in ((table_101, genome), (table_201, data.draw(CELLS_201))):
        place = data.draw(st.integers(0, len(table.positions) - 1))
        other = [*cell]
        for position in table.positions[place:]:
            other[position] = (other[position] + 1) % table.num_genes
        front = slice(place + 1)
        assert contexts(table, cell)[front] == contexts(table, other)[front]


def test_only_operations_can_be_eliminated(
    table_101: ReadingTable, table_201: ReadingTable
):
    genome = np.ones(EDGES + INNER, np.int32)
    expected = [False] * EDGES + [True] * INNER
    assert np.asarray(table_101.eliminable(genome)).tolist() == expected
    assert table_101.positions == tuple(range(21, 26))
    # Only vertex 1 lies on a path.
    genome[:EDGES] = 0
    genome[[0, 15 + 1, 15 + 2]] = 1
    expected = [False] * EDGES + [True] + [False] * (INNER - 1)
    assert np.asarray(table_101.eliminable(genome)).tolist() == expected
    assert np.asarray(table_201.eliminable(np.zeros(6, np.int32))).all()


def test_examples_of_edges_are_the_layers_that_follow(table_201: ReadingTable):
    drawn = np.array(sample(SPACES["nasbench201"], jax.random.key(0), 15))
    drawn[:3] = [0] * 6, [1] * 6, [3, 0, 0, 1, 0, 0]
    found = examples.of_genomes(drawn, table_201)
    assert found.labels.tolist() == drawn.ravel().tolist()
    assert found.starts.all()
    rows = zip(found.contexts.tolist(), found.tokens.tolist(), strict=True)
    for genome in drawn.tolist():
        whole = traced(nasbench201_network.network(tuple(genome)), WORDS_201)
        for count in range(6):
            front = (*genome[:count], *[0] * (6 - count))
            place = len(traced(nasbench201_network.network(front), WORDS_201, 2))
            assert next(rows) == (last(whole[:place]), whole[place])


def test_examples_of_vertices_are_their_own_layers(table_101: ReadingTable):
    drawn = np.array(sample(SPACES["nasbench101"], jax.random.key(0), 30))
    found = examples.of_genomes(drawn, table_101)
    firsts = [
        WORDS_101.encode(ops[:1])[0] for ops in nasbench101_corpus.parts().operations
    ]
    assert found.tokens.tolist() == [firsts[label] for label in found.labels]
    kept = [pruned(genome.tolist()) for genome in drawn]
    labels = [operation for cell in kept if cell for operation in cell.ops]
    assert found.labels.tolist() == labels
