"""The baseline of the GPT: an n-gram model with Witten-Bell smoothing."""

import dataclasses

import numpy as np

from gpt_nas_jax.tokens.corpus import Windows, merge

SHORT = 5
"""Length of the usual n-gram, which predicts a token from the previous four."""
LONGEST = 129
"""Maximum length of an n-gram."""

FACTORS = 1 + 2 * np.random.default_rng(0).integers(0, 2**31, (LONGEST, 2))
"""Random odd numbers, two per token, the last token first; see `codes`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
    """Codes of the seen sequences, ascending, and their counts."""

    codes: np.ndarray
    counts: np.ndarray

    def of(self, codes: np.ndarray) -> np.ndarray:
        """The count of each code; 0 for unseen ones."""
        place = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[place] == codes, self.counts[place], 0.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Level:
    """Counts of n-grams of one length, of their contexts, and of distinct followers.

    The last are multiplied by the strength of backing off.
    """

    grams: Counts
    contexts: Counts
    followers: Counts


@dataclasses.dataclass(frozen=True, eq=False)
class NGram:
    """Interpolated n-gram model (Witten and Bell, IEEE Trans. Inf. Theory 37, 1991).

    The weight of the next shorter context grows with the number of distinct tokens seen
    after the context; the shortest one backs off to the uniform distribution. See
    `backing_off` for windows that are no independent evidence.
    """

    vocabulary_size: int
    levels: tuple[Level, ...]

    def backing_off(self, strength: float) -> "NGram":
        """The model that gives ``strength`` times the weight to shorter contexts."""
        levels = []
        for level in self.levels:
            weaker = level.followers.counts * strength
            followers = dataclasses.replace(level.followers, counts=weaker)
            levels.append(dataclasses.replace(level, followers=followers))
        return NGram(self.vocabulary_size, tuple(levels))

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
    """Counts the n-grams at the end of windows, of every length up to ``longest``."""
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

    Each half of a code is a sum of products with `FACTORS`, modulo 2**32. Two sequences
    of equal length collide with a probability of about 2**-62.
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
