"""The single-block programs that proxies are built from."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.evaluation.proxies import passes
from gpt_nas_jax.networks.blocks import MaxPool
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import Projected
from gpt_nas_jax.training.vectors import unflatten

# A convolution, its BatchNorm and max pooling.
BLOCK, SIZE = Projected(4, 1, MaxPool()), (4, 4, 3)
SHAPES = trace(BLOCK, SIZE).variables
NORM, KERNEL = 8, 12


def numbers(seed: int, *shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def apply(params: jax.Array, x: jax.Array) -> jax.Array:
    variables = {
        "params": unflatten(SHAPES["params"], params),
        "batch_stats": jax.tree.map(
            lambda s: jnp.zeros(s.shape), SHAPES["batch_stats"]
        ),
    }
    return BLOCK.apply(variables, x, True, mutable=["batch_stats"])[0]


def test_a_mixed_derivative_is_that_of_the_gradient():
    """Forward mode on native forms equals reverse mode on the platform's forms."""
    params, gradient = numbers(0, NORM + KERNEL), numbers(1, NORM + KERNEL)
    x = tuple(numbers(seed, 4, *SIZE) for seed in range(2, 6))
    weights = numbers(6, 4, *SIZE[:2], 4)
    kernels = jnp.arange(NORM + KERNEL) >= NORM

    def total(at: Any) -> jax.Array:
        return (weights * apply(*at)).sum()

    def dot(a: Any, b: Any) -> jax.Array:
        return sum(jax.tree.leaves(jax.tree.map(lambda a, b: (a * b).sum(), a, b)))

    @jax.jit
    def expected() -> list[jax.Array]:
        at, both = (params, x[0]), (jnp.zeros_like(params), x[3])
        along = (kernels * params, x[1]), (kernels * gradient, x[2])
        slope = jax.grad(total)
        bend = jax.grad(lambda at: dot(slope(at), along[1]))
        of_both = dot(bend(at), along[0]) + dot(slope(at), both)
        return [total(at), *(dot(slope(at), way) for way in along), of_both]

    found = passes.mixed_derivative(BLOCK, SIZE, params, gradient, x)
    sums = [(weights * part).sum() for part in found]
    np.testing.assert_allclose(sums, expected(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[0], apply(params, x[0]), rtol=1e-5, atol=1e-5)


def test_the_derivatives_of_a_loss_in_two_directions():
    logits = tuple(numbers(seed, 5, 3) for seed in range(4))
    labels = jnp.array([0, 1, 2, 2, 1])

    def along(first: float, second: float) -> np.ndarray:
        value, one, two, both = (np.float64(part) for part in logits)
        z = value + first * one + second * two + first * second * both
        chosen = np.take_along_axis(z, np.asarray(labels)[:, None], 1)[:, 0]
        return (np.log(np.exp(z).sum(1)) - chosen).mean()

    step = 1e-4
    corners = [a * b * along(a * step, b * step) for a in (1, -1) for b in (1, -1)]
    expected = sum(corners) / (4 * step**2)
    found = passes.mixed_loss(logits, labels)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_a_weight_without_deviation_counts_in_no_ratio():
    first = numbers(0, NORM + KERNEL)
    second = first.at[NORM + 1 :].multiply(3)
    found = passes.signal_to_noise(BLOCK, SIZE, (first, second))
    # The mean of |g| and 3 |g| is twice their standard deviation.
    assert float(found) == pytest.approx(np.log(2 * (KERNEL - 1)), rel=1e-5)
    assert float(passes.signal_to_noise(BLOCK, SIZE, (first, first))) == 0


def test_without_training_batch_norm_does_nothing():
    kernel, x = numbers(0, 3, 4), numbers(1, 2, *SIZE)
    params = jnp.concatenate([jnp.zeros(4), jnp.ones(4), kernel.ravel()])
    found = passes.forward(BLOCK, False, params, x).y
    largest = jax.lax.reduce_window(
        x @ kernel, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 1, 1, 1), "SAME"
    )
    np.testing.assert_allclose(found, largest, rtol=1e-4, atol=1e-5)
