"""Layers of NAS-Bench-201 cells, assembled from parts, against traced networks."""

import collections

import numpy as np
import pytest

from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES, OPERATIONS
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.nasbench201 import corpus as nasbench201_corpus
from gpt_nas_jax.spaces.nasbench201.network import IMAGE, network
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word

WORDS = Vocabulary(nasbench201_corpus.words())
RANDOM = np.random.default_rng(0).integers(0, len(OPERATIONS), (12, len(EDGES)))


def traced(operations: list[int]) -> list[str]:
    layers = trace(network(tuple(operations)), IMAGE).layers
    return [word(part.layer) for part in layers]


def columns(cells: list[list[int]]) -> tuple[np.ndarray]:
    return (np.array(cells, np.uint8),)


def spelled(operations: list[int]) -> list[str]:
    (sequence,) = nasbench201_corpus.architectures(
        columns([operations]), WORDS
    ).sequences
    return WORDS.decode(sequence)


# Random cells, cells with the same operation on all edges, and only the last edge.
@pytest.mark.parametrize(
    "operations",
    [*RANDOM.tolist(), *([gene] * 6 for gene in range(5)), [0, 0, 0, 0, 0, 3]],
    ids=str,
)
def test_a_cell_is_spelled_as_its_network_is_traced(operations: list[int]):
    assert spelled(operations) == traced(operations)


def test_equal_sequences_are_merged_and_every_cell_counts():
    # Cells without a path have equal tokens, as do some that differ only in skips.
    cells = [[0] * 6, [1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [3, 0, 0, 0, 1, 0]]
    cells += [[3, 0, 0, 0, 0, 1], [1] * 6, *RANDOM.tolist()]
    together = nasbench201_corpus.architectures(columns(cells), WORDS)
    expected = collections.Counter(tuple(traced(cell)) for cell in cells)
    words = [tuple(WORDS.decode(tokens)) for tokens in together.sequences]
    assert dict(zip(words, together.counts.tolist(), strict=True)) == expected
    assert len(words) == len(expected) < len(cells)


def test_words_are_those_of_all_operations():
    together = {w for gene in range(5) for w in traced([gene] * 6)}
    assert set(WORDS.words) == together
