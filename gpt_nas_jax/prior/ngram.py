"""The baseline of the GPT: an n-gram model with Witten-Bell back-off."""

import dataclasses

import numpy as np

from gpt_nas_jax.tokens.corpus import Windows, merge

ORDER = 5
"""Tokens an n-gram spans: it predicts one from the four before it."""


@dataclasses.dataclass(frozen=True)
class _Counts:
    """Sorted codes of what was seen and how often."""

    codes: np.ndarray
    counts: np.ndarray

    def of(self, codes: np.ndarray) -> np.ndarray:
        """How often each code was seen; 0 for unseen ones."""
        place = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[place] == codes, self.counts[place], 0.0)


@dataclasses.dataclass(frozen=True)
class _Level:
    """Counts of n-grams of one length, of their contexts, and of followers."""

    grams: _Counts
    contexts: _Counts
    followers: _Counts


@dataclasses.dataclass(frozen=True)
class NGram:
    """Interpolated n-gram model (Witten and Bell, IEEE Trans. Inf. Theory 37, 1991).

    The share that a context hands to the next shorter one grows with the number of
    distinct tokens seen behind it; the shortest hands on to the uniform
    distribution.
    """

    vocabulary_size: int
    levels: tuple[_Level, ...]

    def probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """Probability of the last token of each row ``tokens[N, K >= ORDER]``."""
        result = np.full(len(tokens), 1.0 / self.vocabulary_size)
        for order, level in enumerate(self.levels, start=1):
            codes = _codes(tokens[:, -order:], self.vocabulary_size)
            contexts = codes // self.vocabulary_size
            seen = level.contexts.of(contexts)
            followers = level.followers.of(contexts)
            total = np.where(seen > 0, seen + followers, 1.0)
            mixed = (level.grams.of(codes) + followers * result) / total
            result = np.where(seen > 0, mixed, result)
        return result


def fit(windows: Windows, vocabulary_size: int) -> NGram:
    """Counts the n-grams that end the windows, of every length up to `ORDER`."""
    levels = []
    for order in range(1, ORDER + 1):
        grams = merge(windows.tokens[:, -order:], windows.weights)
        codes = _codes(grams.tokens, vocabulary_size)
        contexts = codes // vocabulary_size
        levels.append(
            _Level(
                _counts(codes, grams.weights),
                _counts(contexts, grams.weights),
                _counts(contexts, np.ones(len(contexts))),
            )
        )
    return NGram(vocabulary_size, tuple(levels))


def perplexity(model: NGram, windows: Windows) -> float:
    """Perplexity of the last token, weighted by how often each window occurs."""
    surprise = -np.log(model.probabilities(windows.tokens))
    return float(np.exp(np.average(surprise, weights=windows.weights)))


def _counts(codes: np.ndarray, weights: np.ndarray) -> _Counts:
    unique, inverse = np.unique(codes, return_inverse=True)
    return _Counts(unique, np.bincount(inverse, weights, len(unique)))


def _codes(tokens: np.ndarray, base: int) -> np.ndarray:
    """One integer a row; dividing by ``base`` drops the last token."""
    powers = base ** np.arange(tokens.shape[1])[::-1]
    return tokens.astype(np.int64) @ powers
