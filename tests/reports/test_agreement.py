"""Rank agreement and its intervals against SciPy on every resample."""

import math
import warnings

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from gpt_nas_jax.reports.agreement import agreement, resample

# Few values, so that there are ties; -inf is a degenerate network.
SCORES = st.sampled_from([-math.inf, -1.5, 0.0, 2.0, 1e9])
PAIRS = st.lists(st.tuples(SCORES, st.integers(0, 5)), min_size=1, max_size=12)


def by_scipy(scores: np.ndarray, accuracies: np.ndarray) -> tuple[float, float]:
    """Rho and tau-b; -inf is replaced, since SciPy's differences would be NaN."""
    finite = np.where(np.isneginf(scores), -1e12, scores)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rho = stats.spearmanr(finite, accuracies).statistic
        tau = stats.kendalltau(finite, accuracies).statistic
    return float(rho), float(tau)


@hypothesis.given(PAIRS, st.integers(0, 99))
def test_coefficients_and_intervals_are_those_of_scipy(pairs, seed):
    scores, accuracies = np.array(pairs, float).T
    counts = resample(len(scores), 20, seed)
    found = agreement(scores, accuracies, counts)
    whole = by_scipy(scores, accuracies)
    resampled = [
        by_scipy(np.repeat(scores, held), np.repeat(accuracies, held))
        for held in counts.astype(int)
    ]
    for estimate, value, values in zip(
        (found.spearman, found.kendall), whole, np.array(resampled).T, strict=True
    ):
        expected = [math.nan] * 3
        there = values[~np.isnan(values)]
        if not math.isnan(value) and len(there):
            expected = [value, *np.percentile(there, [2.5, 97.5])]
        actual = [estimate.value, estimate.low, estimate.high]
        np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_blocks_of_pairs_are_all_pairs():
    random = np.random.default_rng(0)
    scores = random.integers(0, 700, 2500).astype(float)
    accuracies = scores + random.normal(0, 300, 2500)
    counts = resample(2500, 2, 0)
    kendall = agreement(scores, accuracies, counts).kendall
    expected = [
        stats.kendalltau(np.repeat(scores, held), np.repeat(accuracies, held)).statistic
        for held in counts.astype(int)
    ]
    np.testing.assert_allclose(
        [kendall.low, kendall.high], np.percentile(expected, [2.5, 97.5]), atol=1e-12
    )


def test_intervals_cover_as_often_as_they_say():
    # For normal pairs with correlation 1/2, rho and tau are known.
    rho, tau = 6 / math.pi * math.asin(0.25), 2 / math.pi * math.asin(0.5)
    random = np.random.default_rng(1)
    covered = np.zeros(2)
    for seed in range(200):
        first, second = random.normal(size=(2, 50))
        pair = agreement(
            first,
            first / 2 + math.sqrt(3) / 2 * second,
            resample(50, 300, seed),
        )
        covered += [
            pair.spearman.low <= rho <= pair.spearman.high,
            pair.kendall.low <= tau <= pair.kendall.high,
        ]
    # Four standard deviations of 200 trials are 6 percentage points.
    np.testing.assert_allclose(covered / 200, 0.95, atol=0.065)


def test_a_degenerate_network_ranks_below_all():
    accuracies = np.array([10.0, 90.0, 91.0, 92.0])
    counts = resample(4, 10, 0)
    lowest = agreement(np.array([-math.inf, 1.0, 2.0, 3.0]), accuracies, counts)
    assert lowest.spearman.value == lowest.kendall.value == pytest.approx(1)


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_a_resample_holds_as_many_networks(count: int):
    counts = resample(count, 50, 3)
    assert counts.shape == (50, count)
    np.testing.assert_array_equal(counts.sum(1), count)
    np.testing.assert_array_equal(counts, resample(count, 50, 3))
    if count > 1:
        assert (counts != resample(count, 50, 4)).any()
