"""The choice of an n-gram baseline on validation architectures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_nas_jax.prior import ngram, smoothing
from gpt_nas_jax.prior.smoothing import Corpus
from gpt_nas_jax.tokens.corpus import CONTEXT, Windows, merge

SIZE = 6
LONGEST = CONTEXT + 1


def windows(seed: int, copies: float = 1.0) -> Windows:
    """Windows whose last token follows from the one before, mostly."""
    random = np.random.default_rng(seed)
    tokens = random.integers(0, SIZE, (60, CONTEXT + 1))
    noise = random.random(60) < 0.2
    tokens[:, -1] = np.where(noise, tokens[:, -1], (tokens[:, -2] + 1) % SIZE)
    return merge(tokens.astype(np.int32), np.full(60, copies))


@settings(max_examples=20)
@given(st.integers(0, 2**16), st.sampled_from([1.0, 50.0]))
def test_no_other_choice_does_better_on_the_validation_part(seed: int, copies: float):
    parts = [windows(seed, copies), windows(seed + 1, copies)]
    validation = windows(seed + 2)
    corpora = [Corpus(part, part) for part in parts]
    found = smoothing.best(corpora, validation, SIZE, LONGEST)
    others = [
        ngram.perplexity(ngram.fit(part, SIZE, LONGEST).backing_off(some), validation)
        for part in parts
        for some in smoothing.STRENGTHS
    ]
    assert ngram.perplexity(found, validation) == min(others)


def test_copies_of_a_corpus_teach_nothing_more():
    """Witten-Bell smoothing takes copies for evidence, and hardly backs off."""
    once, copied, test = windows(0), windows(0, 100.0), windows(7)
    validation = windows(3)
    plain = ngram.perplexity(ngram.fit(copied, SIZE, LONGEST), test)
    of_one, of_many = (
        ngram.perplexity(
            smoothing.best([Corpus(one, one)], validation, SIZE, LONGEST), test
        )
        for one in (once, copied)
    )
    assert of_many < plain / 1.5
    assert of_many == pytest.approx(of_one, rel=0.1)


def test_the_choice_is_fitted_to_the_whole_corpus():
    part, rest, validation = windows(0), windows(1), windows(2)
    whole = merge(
        np.concatenate([part.tokens, rest.tokens]),
        np.concatenate([part.weights, rest.weights]),
    )
    found = smoothing.best([Corpus(part, whole)], validation, SIZE, LONGEST)
    ways = [
        ngram.perplexity(ngram.fit(whole, SIZE, LONGEST).backing_off(some), validation)
        for some in smoothing.STRENGTHS
    ]
    assert ngram.perplexity(found, validation) in ways
