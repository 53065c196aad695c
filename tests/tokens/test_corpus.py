"""Windows of token sequences against a plain enumeration."""

import collections
import dataclasses

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.tokens import corpus
from gpt_nas_jax.tokens.corpus import CONTEXT, Architectures, Windows
from gpt_nas_jax.tokens.vocabulary import START
from gpt_nas_jax.types import UsageError

SMALL, LARGE = st.integers(2, 4), st.integers(2, 60_000)


def counted(tokens: st.SearchStrategy[int]) -> st.SearchStrategy[list]:
    """Sequences, each with its number of networks; some sequences are equal."""
    sequences = st.lists(tokens, min_size=1, max_size=14)
    return st.lists(st.tuples(sequences, st.integers(1, 9)), min_size=1, max_size=5)


def architectures(pairs: list[tuple[list[int], int]]) -> Architectures:
    return Architectures(
        tuple(np.array(tokens, np.int32) for tokens, _ in pairs),
        np.array([count for _, count in pairs], np.float64),
    )


def as_dict(windows: Windows) -> dict[tuple[int, ...], float]:
    rows = [tuple(row) for row in windows.tokens.tolist()]
    assert len(set(rows)) == len(rows) == len(windows)
    return dict(zip(rows, windows.weights.tolist(), strict=True))


# Rows of few distinct tokens fit into one integer, rows of many do not.
@pytest.mark.parametrize("tokens", [SMALL, LARGE], ids=["integers", "bytes"])
@hypothesis.given(data=st.data())
def test_windows_are_those_of_a_plain_enumeration(
    tokens: st.SearchStrategy[int], data: st.DataObject
):
    pairs, context = data.draw(counted(tokens)), data.draw(st.integers(1, 30))
    expected: collections.Counter[tuple[int, ...]] = collections.Counter()
    for sequence, count in pairs:
        for end in range(len(sequence)):
            before = [START] * context + sequence[:end]
            expected[(*before[-context:], sequence[end])] += count
    windows = corpus.windows(architectures(pairs), context)
    assert windows.context == context
    assert windows.tokens.dtype == np.int32
    assert as_dict(windows) == expected
    layers = sum(len(sequence) * count for sequence, count in pairs)
    assert windows.weights.sum() == layers


def test_rows_that_64_bits_cannot_tell_apart_are_not_merged():
    # In base 57, ``zeros`` is 0, and ``digits`` or its reverse is 2 ** 64.
    digits = [2**64 // 57**place % 57 for place in range(CONTEXT + 1)]
    zeros, top = [0] * len(digits), [56] * len(digits)
    rows = [zeros, digits, digits[::-1], top, zeros]
    merged = corpus.merge(np.array(rows, np.int32), np.array([1.0, 2, 4, 8, 16]))
    assert as_dict(merged) == {
        tuple(zeros): 17,
        tuple(digits): 2,
        tuple(digits[::-1]): 4,
        tuple(top): 8,
    }


def test_windows_of_a_corpus_too_long_for_one_go():
    repeats = 25_000
    windows = corpus.windows(architectures([([2], 1), ([3, 2], 2)] * repeats))
    lead = (START,) * CONTEXT
    assert as_dict(windows) == {
        (*lead, 2): repeats,
        (*lead, 3): 2 * repeats,
        (*lead[1:], 3, 2): 2 * repeats,
    }


@hypothesis.given(pairs=counted(SMALL), data=st.data())
def test_the_digest_names_the_content_not_its_order(
    pairs: list[tuple[list[int], int]], data: st.DataObject
):
    windows = corpus.windows(architectures(pairs))
    shuffled = corpus.windows(architectures(data.draw(st.permutations(pairs))))
    assert windows.digest() == shuffled.digest()
    row = data.draw(st.integers(0, len(windows) - 1))
    tokens, weights = windows.tokens.copy(), windows.weights.copy()
    tokens[row, -1] += 1
    weights[row] += 1
    others = (
        dataclasses.replace(windows, tokens=tokens),
        dataclasses.replace(windows, weights=weights),
    )
    digests = {part.digest() for part in (windows, *others)}
    assert len(digests) == 3


@hypothesis.given(
    count=st.sampled_from([2, 3, 7, 20]),
    fraction=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_every_architecture_is_either_seen_or_held_out(
    count: int, fraction: float, seed: int
):
    whole = architectures([([2 + index, 2], index + 1) for index in range(count)])
    parts = corpus.hold_out(whole, jax.random.key(seed), fraction)
    for part in parts:
        assert len(part) >= 1
        # Sequences keep their counts.
        assert [s[0] - 1 for s in part.sequences] == part.counts.tolist()
    firsts = [sequence[0] for part in parts for sequence in part.sequences]
    assert sorted(firsts) == [2 + index for index in range(count)]
    assert abs(len(parts[1]) - fraction * count) <= 1


def test_what_is_held_out_depends_on_the_key_alone():
    def held(seed: int) -> list[int]:
        return corpus.split(100, jax.random.key(seed), 0.15)[1].tolist()

    assert len(held(0)) == 15
    assert held(0) == held(0) != held(1)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_architectures_are_refused(count: int):
    whole = architectures([([2, 3], 1)] * count)
    with pytest.raises(UsageError, match=f"^{count} distinct .* at least 2"):
        corpus.hold_out(whole, jax.random.key(0), 0.15)


def test_balanced_corpora_weigh_the_same():
    rows = np.arange(2 * 11, dtype=np.int32).reshape(2, 11)
    large = corpus.Windows(rows, np.array([300.0, 700.0]))
    small = corpus.Windows(rows[1:], np.array([10.0]))
    both = corpus.balanced([large, small])
    np.testing.assert_array_equal(both.tokens, rows)
    np.testing.assert_allclose(both.weights, [3.0, 17.0])
