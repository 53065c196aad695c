"""The surrogate's Gaussian process against scikit-learn."""

import itertools

import jax
import numpy as np
import pytest
import scipy.stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from gpt_nas_jax.strategies import gaussian_process


def data(count: int) -> tuple[np.ndarray, np.ndarray]:
    features = np.asarray(jax.random.normal(jax.random.key(0), (count, 3)))
    return features, np.sin(features.sum(1)).astype(np.float32)


def test_mean_and_deviation_are_those_of_scikit_learn():
    features, targets = data(40)
    trends = np.zeros((40, 1), np.float32)
    known = np.arange(40) < 25
    process = jax.jit(gaussian_process.fit)(features, trends, targets, known)
    covariance = np.asarray(process.cholesky @ process.cholesky.T)
    noise = float(np.diag(covariance)[0] - 1)
    other = GaussianProcessRegressor(
        Matern(float(process.length), nu=2.5), alpha=noise, optimizer=None
    ).fit(features[known], targets[known])
    mean, std = process(features[~known], trends[~known])
    wanted_mean, wanted_std = other.predict(features[~known], return_std=True)
    np.testing.assert_allclose(mean, wanted_mean, atol=1e-3)
    np.testing.assert_allclose(std, wanted_std, atol=1e-3)


def test_products_are_not_rounded_on_accelerators():
    """By default GPUs and TPUs round, by more than squared distances differ."""

    def fitted(features: jax.Array, trends: jax.Array, targets: jax.Array) -> jax.Array:
        known = np.ones(len(targets), bool)
        process = gaussian_process.fit(features, trends, targets, known)
        return process(features[:2], trends[:2])[0]

    features, targets = data(8)
    lowered = jax.jit(fitted).trace(features, features[:, :1], targets)
    text = lowered.lower(lowering_platforms=("tpu",)).as_text()
    # Those of the library's factorisation are batched.
    products = [
        line
        for line in text.splitlines()
        if "stablehlo.dot_general" in line and "batching_dims" not in line
    ]
    assert len(products) >= 5
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)


@pytest.mark.slow
def test_the_mean_follows_a_trend_beyond_what_is_known():
    features, _ = data(40)
    trends = np.linspace(-2, 2, 40, dtype=np.float32)[:, None]
    targets, known = trends[:, 0], np.arange(40) < 30
    process = gaussian_process.fit(features, trends, targets, known)
    assert float(process.slope) == 1
    mean, std = process(features, trends)
    assert (np.abs(mean - targets) < 4 * std + 0.1)[30:].all()
    # Without the trend it falls back to the prior mean.
    flat = gaussian_process.fit(features, 0 * trends, targets, known)
    assert mean[39] > flat(features, 0 * trends)[0][39] + 1


def test_the_most_likely_of_its_settings_is_taken():
    features, targets = data(30)
    trends, known = features[:, :1] / 2, np.ones(30, bool)
    process = gaussian_process.fit(features, trends, targets, known)
    scale = np.sqrt(((features[:, None] - features) ** 2).sum(-1).mean())

    def evidence(length: float, noise: float, slope: float) -> float:
        covariance = Matern(length * scale, nu=2.5)(features) + noise * np.eye(30)
        covariance += slope * trends @ trends.T
        return scipy.stats.multivariate_normal(np.zeros(30), covariance).logpdf(targets)

    settings = ((0.5, 1.0, 2.0, 4.0), (1e-3, 1e-2, 1e-1), (0.0, 1.0))
    length, _, slope = max(
        itertools.product(*settings), key=lambda setting: evidence(*setting)
    )
    np.testing.assert_allclose(process.length, length * scale, rtol=1e-4)
    assert float(process.slope) == slope


def test_expected_improvement_is_that_of_many_draws():
    mean, std, best = np.array([0.0, 1.0, -1.0]), np.array([1.0, 0.5, 2.0]), 0.3
    draws = np.random.default_rng(0).normal(mean, std, (400_000, 3))
    wanted = np.maximum(draws - best, 0).mean(0)
    gains = gaussian_process.expected_improvement(mean, std, best)
    np.testing.assert_allclose(gains, wanted, rtol=0.01)


def test_scores_keep_the_order_and_their_scale():
    fitness = np.array([0.2, -np.inf, 0.9, 0.1, 0.91, 0.5, 0.0, 0.0], np.float32)
    known = np.arange(8) < 6
    scores = np.asarray(gaussian_process.scores(fitness, known))
    assert (scores[6:] == 0).all()
    assert np.argsort(scores[[0, 2, 3, 4, 5]]).tolist() == [2, 0, 4, 1, 3]
    # A failure scores like the worst network.
    assert scores[1] == scores[3]
    np.testing.assert_allclose(scores[:6].mean(), 0, atol=1e-5)
    np.testing.assert_allclose(scores[:6].std(), 1, rtol=1e-4)


def test_equal_fitness_has_equal_scores():
    scores = gaussian_process.scores(np.full(4, 0.5, np.float32), np.ones(4, bool))
    np.testing.assert_array_equal(scores, 0)
