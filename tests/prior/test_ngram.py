"""The n-gram model against Witten-Bell smoothing written with dictionaries."""

import collections

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.prior import ngram
from gpt_nas_jax.prior.ngram import SHORT, NGram
from gpt_nas_jax.tokens.corpus import CONTEXT, Windows, merge

SIZE = 5
ROW = st.lists(st.integers(0, SIZE - 1), min_size=CONTEXT + 1, max_size=CONTEXT + 1)
ROWS = st.lists(st.tuples(ROW, st.integers(1, 5)), min_size=1, max_size=12)


def corpus(rows: list[tuple[list[int], int]]) -> Windows:
    tokens, weights = zip(*rows, strict=True)
    return merge(np.array(tokens, np.int32), np.array(weights, np.float64))


def witten_bell(
    rows: list[tuple[list[int], int]],
    asked: list[int],
    longest: int,
    strength: float = 1.0,
) -> float:
    """(count + followers * shorter) / (total + followers), shortest context first.

    Method C of Witten and Bell, 1991, with followers times the strength.
    """
    probability = 1 / SIZE
    for length in range(longest):
        context = asked[-1 - length : -1]
        behind: collections.Counter[int] = collections.Counter()
        for row, count in rows:
            if row[-1 - length : -1] == context:
                behind[row[-1]] += count
        if not behind:
            break
        followers = len(behind) * strength
        seen = behind[asked[-1]] + followers * probability
        probability = seen / (behind.total() + followers)
    return probability


@hypothesis.given(rows=ROWS, new=ROW)
def test_probabilities_are_those_of_witten_and_bell(
    rows: list[tuple[list[int], int]], new: list[int]
):
    asked = [new, *(row for row, _ in rows)]
    # A partly seen context: it ends like a known row, but begins differently.
    asked.append([*new[:-3], *rows[0][0][-3:]])
    for longest in (SHORT, CONTEXT + 1):
        model = ngram.fit(corpus(rows), SIZE, longest)
        for strength in (1, 30):
            expected = [witten_bell(rows, row, longest, strength) for row in asked]
            found = model.backing_off(strength).probabilities(np.array(asked))
            np.testing.assert_allclose(found, expected)


@hypothesis.given(rows=ROWS, new=ROW)
def test_probabilities_behind_any_context_sum_to_one(
    rows: list[tuple[list[int], int]], new: list[int]
):
    model = ngram.fit(corpus(rows), SIZE)
    for context in (new[:-1], rows[0][0][:-1]):
        asked = np.array([[*context, token] for token in range(SIZE)])
        probabilities = model.probabilities(asked)
        assert (probabilities > 0).all()
        assert probabilities.sum() == pytest.approx(1)


@hypothesis.given(rows=ROWS)
def test_a_model_that_has_seen_nothing_is_as_puzzled_as_a_fair_die(
    rows: list[tuple[list[int], int]],
):
    assert ngram.perplexity(NGram(SIZE, ()), corpus(rows)) == pytest.approx(SIZE)


def test_perplexity_by_hand():
    # One context with two followers: token 2 three times, and token 3 once.
    rows = [([0] * CONTEXT + [2], 3), ([0] * CONTEXT + [3], 1)]
    common = rare = 1 / SIZE
    for _ in range(SHORT):
        common, rare = (3 + 2 * common) / 6, (1 + 2 * rare) / 6
    expected = (common**3 * rare) ** (-1 / 4)
    windows = corpus(rows)
    perplexity = ngram.perplexity(ngram.fit(windows, SIZE), windows)
    assert perplexity == pytest.approx(expected)
