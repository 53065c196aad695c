"""AZ-NAS compared with formulas in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from proxies_support import CLASSES, NONE, SKIP, numbers, row
from scipy.linalg import hadamard

from gpt_nas_jax.evaluation.proxies import az_nas, passes
from gpt_nas_jax.evaluation.proxies.segments import segments
from gpt_nas_jax.networks.blocks import Conv
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.spaces.nasbench201.network import CellModule

GENERATOR = np.random.default_rng(0)
CHANNELS, WIDTHS = 2, (3, 4, 4)
KERNELS = [
    numbers(GENERATOR, *shape)
    for shape in zip((CHANNELS, *WIDTHS), WIDTHS, strict=False)
]
HEAD = np.zeros(CLASSES), np.zeros((WIDTHS[-1], CLASSES))
NOISE = numbers(GENERATOR, 64, 4, 4, CHANNELS)
# Columns are channels with zero mean and zero correlation.
BALANCED = hadamard(16)[:, 1:5].astype(np.float64)


@pytest.fixture(scope="module")
def found() -> dict[str, list[np.ndarray]]:
    """The readings of three 1x1 convolutions."""
    chain = Chain((*(Conv(width, 1, bias=False) for width in WIDTHS), Head(CLASSES)))
    weights = *((row(kernel),) for kernel in KERNELS), (row(*HEAD),)
    parts = segments(chain, NOISE.shape[1:])
    noise = jnp.asarray(NOISE, jnp.float32)
    return jax.device_get(az_nas.read(parts, weights, noise, jax.random.key(1)))


def entropy(features: np.ndarray) -> float:
    rows = features.reshape(-1, features.shape[-1])
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))
    shares = np.maximum(values, 0) / values.sum()
    return -(shares * np.log(shares + 1e-8)).sum()


def test_expressivity_and_progressivity_are_of_the_features_entropy(
    found: dict[str, list[np.ndarray]],
):
    features = [NOISE @ KERNELS[0]]
    for kernel in KERNELS[1:]:
        features.append(features[-1] @ kernel)
    entropies = [entropy(feature) for feature in features]
    scores = az_nas.scores(found)
    assert scores["expressivity"] == pytest.approx(sum(entropies), rel=1e-4)
    growth = min(np.diff(entropies))
    assert scores["progressivity"] == pytest.approx(growth, abs=1e-4)


def test_the_jacobian_of_a_1x1_convolution_is_its_kernel(
    found: dict[str, list[np.ndarray]],
):
    assert len(found["jacobians"]) == 2
    for jacobian, kernel in zip(found["jacobians"], KERNELS[1:], strict=True):
        # Random signs of 1024 pixels are nearly uncorrelated.
        np.testing.assert_allclose(jacobian, kernel, atol=0.3)
    values = [np.linalg.svd(jacobian)[1].max() for jacobian in found["jacobians"]]
    expected = np.mean([2 - value - 1 / value for value in values])
    assert az_nas.scores(found)["trainability"] == pytest.approx(expected, rel=1e-4)


def test_the_mean_jacobian_of_uncorrelated_signs_is_exact():
    dy = BALANCED.reshape(4, 2, 2, 4)
    matrix = numbers(GENERATOR, 3, 4)
    jacobian, same = passes.mean_jacobian(dy, dy @ matrix.T)
    np.testing.assert_allclose(jacobian, matrix, rtol=1e-5, atol=1e-6)
    assert not same


def test_pixels_that_make_one_of_the_output_count_as_channels():
    dy = BALANCED.reshape(4, 2, 2, 4)
    matrix = numbers(GENERATOR, 2, 2, 3, 4)
    dx = np.zeros((4, 4, 4, 3))
    for down, across in np.ndindex(2, 2):
        dx[:, down::2, across::2] = dy @ matrix[down, across].T
    jacobian, _ = passes.mean_jacobian(dy, dx)
    expected = matrix.reshape(-1, 4)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-5, atol=1e-6)


def test_a_block_of_stride_2_has_the_jacobian_of_its_pixels():
    """A 1x1 convolution reads the first of every four pixels, even at odd sizes."""
    chain = Chain((Conv(CHANNELS, 1, bias=False), Conv(4, 1, 2, False), Head(CLASSES)))
    stem, kernel = np.eye(CHANNELS), numbers(GENERATOR, CHANNELS, 4)
    weights = (row(stem),), (row(kernel),), (row(*HEAD),)
    for side in (4, 5):
        noise = jnp.asarray(numbers(GENERATOR, 64, side, side, CHANNELS), jnp.float32)
        parts = segments(chain, noise.shape[1:])
        [jacobian] = az_nas.read(parts, weights, noise, jax.random.key(1))["jacobians"]
        assert jacobian.shape == (4 * CHANNELS, 4)
        np.testing.assert_allclose(jacobian[:CHANNELS], kernel, atol=0.3)
        np.testing.assert_array_equal(jacobian[CHANNELS:], 0)


def test_a_block_that_passes_on_its_input_is_not_trainable():
    chain = Chain(
        (Conv(4, 1, bias=False), CellModule((NONE,) * 3 + (SKIP, NONE, NONE)), Head(3))
    )
    weights = (row(numbers(GENERATOR, CHANNELS, 4)),), (), (row(*HEAD),)
    noise = jnp.asarray(NOISE, jnp.float32)
    parts = segments(chain, noise.shape[1:])
    found = jax.device_get(az_nas.read(parts, weights, noise, jax.random.key(1)))
    scores = az_nas.scores(found)
    assert scores["trainability"] == -np.inf
    assert scores["progressivity"] == 0


def test_what_is_no_number_has_no_score():
    broken = np.full((2, 2), np.inf)
    found = {"covariances": [broken], "jacobians": [broken], "passes_on": [False]}
    scores = az_nas.scores(found)
    assert not np.isfinite([*scores.values()]).any()


def test_networks_of_a_pool_are_ranked():
    pool = {name: GENERATOR.integers(0, 4, 7).astype(float) for name in az_nas.RANKED}
    pool["trainability"][:2] = -np.inf
    expected = np.zeros(7)
    for column in pool.values():
        less = (column < column[:, None]).sum(1)
        equal = (column == column[:, None]).sum(1)
        expected += np.log((less + (equal + 1) / 2) / 7)
    np.testing.assert_allclose(az_nas.ranked(pool), expected, rtol=1e-12)
