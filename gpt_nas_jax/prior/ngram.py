"""The baseline of the GPT: an n-gram model with Witten-Bell back-off."""

import dataclasses

import numpy as np

from gpt_nas_jax.tokens.corpus import Windows, merge

SHORT = 5
"""Tokens that the usual n-gram spans: it predicts one from the four before it."""
LONGEST = 129
"""Most tokens that an n-gram can span."""

FACTORS = 1 + 2 * np.random.default_rng(0).integers(0, 2**31, (LONGEST, 2))
"""Random odd numbers, two a token, the last token first; see `codes`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
    """Codes of the sequences that were seen, ascending, and how often each was."""

    codes: np.ndarray
    counts: np.ndarray

    def of(self, codes: np.ndarray) -> np.ndarray:
        """How often each code was seen; 0 for unseen ones."""
        place = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[place] == codes, self.counts[place], 0.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Level:
    """Counts of n-grams of one length, of their contexts, and of followers."""

    grams: Counts
    contexts: Counts
    followers: Counts


@dataclasses.dataclass(frozen=True, eq=False)
class NGram:
    """Interpolated n-gram model (Witten and Bell, IEEE Trans. Inf. Theory 37, 1991).

    The share that a context hands to the next shorter one grows with the number of
    distinct tokens seen behind it; the shortest hands on to the uniform
    distribution.
    """

    vocabulary_size: int
    levels: tuple[Level, ...]

    def probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """Probability of the last token of each row ``tokens[N, K]``."""
        result = np.full(len(tokens), 1.0 / self.vocabulary_size)
        for order, level in enumerate(self.levels, start=1):
            grams, contexts = codes(tokens[:, -order:])
            seen = level.contexts.of(contexts)
            followers = level.followers.of(contexts)
            total = np.where(seen > 0, seen + followers, 1.0)
            mixed = (level.grams.of(grams) + followers * result) / total
            result = np.where(seen > 0, mixed, result)
        return result


def fit(windows: Windows, vocabulary_size: int, longest: int = SHORT) -> NGram:
    """Counts the n-grams that end the windows, of every length up to ``longest``."""
    levels = []
    for order in range(1, longest + 1):
        grams = merge(windows.tokens[:, -order:], windows.weights)
        whole, contexts = codes(grams.tokens)
        levels.append(
            Level(
                _counts(whole, grams.weights),
                _counts(contexts, grams.weights),
                _counts(contexts, np.ones(len(contexts))),
            )
        )
    return NGram(vocabulary_size, tuple(levels))


def perplexity(model: NGram, windows: Windows) -> float:
    """Perplexity of the last token, weighted by how often each window occurs."""
    surprise = -np.log(model.probabilities(windows.tokens))
    return float(np.exp(np.average(surprise, weights=windows.weights)))


def codes(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes ``uint64[N]`` of sequences ``[N, K]``, and of all but their last tokens.

    Each half of a code is a sum of products with `FACTORS`, modulo 2**32. Two
    sequences of one length share a code with a probability of about 2**-62.
    """
    factors = FACTORS[: tokens.shape[1]][::-1]
    products = (tokens[..., None].astype(np.uint64) + 1) * factors.astype(np.uint64)
    return _joined(products.sum(1)), _joined(products[:, :-1].sum(1))


def _joined(halves: np.ndarray) -> np.ndarray:
    low = np.uint64(2**32 - 1)
    return ((halves[:, 0] & low) << np.uint64(32)) | (halves[:, 1] & low)


def _counts(codes: np.ndarray, weights: np.ndarray) -> Counts:
    unique, inverse = np.unique(codes, return_inverse=True)
    return Counts(unique, np.bincount(inverse, weights, len(unique)))
