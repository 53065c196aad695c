"""Pearson's r against independent computations."""

import numpy as np
import pytest
from scipy import stats

from gpt_nas_jax.reports.agreement import resample
from gpt_nas_jax.reports.pearson import pearson


def drawn(count: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    x, noise = np.random.default_rng(0).normal(size=(2, count))
    return x, share * x + noise


def test_r_and_p_are_those_of_scipy():
    x, y = drawn(20, 0.7)
    found, expected = pearson(x, y), stats.pearsonr(x, y)
    assert found.r.value == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.networks == 20


def test_the_interval_is_that_of_networks_drawn_again():
    x, y = drawn(20, 0.7)
    found = pearson(x, y, resamples=50)
    counts = resample(20, 50, seed=0).astype(int)
    repeated = (np.repeat(np.arange(20), row) for row in counts)
    values = [np.corrcoef(x[rows], y[rows])[0, 1] for rows in repeated]
    low, high = np.percentile(values, [2.5, 97.5])
    assert (found.r.low, found.r.high) == pytest.approx((low, high))


def test_r_is_nan_if_one_side_is_constant():
    found = pearson(np.full(5, 0.1), np.arange(5.0))
    assert np.isnan([found.r.value, found.r.low, found.r.high, found.p]).all()


def test_resamples_of_one_network_alone_count_for_nothing():
    found = pearson(np.array([0.1, 0.1, 0.2]), np.array([0.3, 0.3, 0.7]))
    assert found.r.low == pytest.approx(1.0)
