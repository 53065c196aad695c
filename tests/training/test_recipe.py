"""Learning-rate schedules against their definitions."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gpt_nas_jax.config import EvalRecipe, Recipe
from gpt_nas_jax.training.recipe import learning_rate, optimizer

STEPS = 10


def rates(**settings: object) -> np.ndarray:
    recipe = EvalRecipe(**{"epochs": 6, "learning_rate": 0.1, **settings})
    schedule = learning_rate(recipe, STEPS)
    return np.array([schedule(step) for step in range(recipe.epochs * STEPS)])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear", "step"])
def test_the_rate_rises_linearly_to_its_highest(schedule: str) -> None:
    warm = rates(warmup_epochs=2, schedule=schedule)[: 2 * STEPS]
    np.testing.assert_allclose(warm, 0.1 * np.arange(1, 21) / 20, rtol=1e-5)


def test_constant_stays() -> None:
    np.testing.assert_allclose(rates(warmup_epochs=1)[10:], 0.1, rtol=1e-6)


def test_cosine_ends_near_zero_and_is_half_in_the_middle() -> None:
    after = rates(warmup_epochs=1, schedule="cosine")[10:]
    np.testing.assert_allclose(after[25], 0.05, rtol=1e-5)
    assert after[-1] < 0.001
    assert np.all(np.diff(after) <= 0)


def test_linear_falls_evenly_to_zero() -> None:
    after = rates(warmup_epochs=1, schedule="linear")[10:]
    np.testing.assert_allclose(after, 0.1 * (1 - np.arange(50) / 50), atol=1e-8)


def test_step_divides_by_ten_at_the_epochs_asked_for() -> None:
    values = rates(warmup_epochs=1, schedule="step", step_epochs=2)
    np.testing.assert_allclose(values[10:20], 0.1, rtol=1e-5)
    np.testing.assert_allclose(values[20:40], 0.01, rtol=1e-5)
    np.testing.assert_allclose(values[40:60], 0.001, rtol=1e-5)


def test_a_drop_within_the_warm_up_still_counts() -> None:
    values = rates(warmup_epochs=1, schedule="step", step_epochs=1)
    np.testing.assert_allclose(values[10::10], 0.1 ** np.arange(2, 7), rtol=1e-4)


def test_without_warm_up_the_first_rate_is_the_highest() -> None:
    np.testing.assert_allclose(rates(warmup_epochs=0)[0], 0.1, rtol=1e-6)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_long_warm_up_leaves_half_of_the_first_rung_to_the_decay(
    schedule: str,
) -> None:
    values = rates(epochs=9, rungs="1,3,9", schedule=schedule, warmup_epochs=1)
    np.testing.assert_allclose(values[:5], 0.1 * np.arange(1, 6) / 5, rtol=1e-5)
    assert values[9] < 0.03
    np.testing.assert_allclose(values[[10, 30]], 0.1, rtol=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "step"])
def test_rungs_change_no_schedule_that_does_not_decay_to_0(schedule: str) -> None:
    values = rates(rungs="2,6", schedule=schedule, step_epochs=3)
    np.testing.assert_allclose(values, rates(schedule=schedule, step_epochs=3))


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_rate_decays_before_each_rung_and_is_at_its_peak_after_it(
    schedule: str,
) -> None:
    """Each part follows the schedule of a training of that length."""
    values = rates(epochs=9, rungs="2,5,9", schedule=schedule, warmup_epochs=1)
    parts = [
        rates(epochs=length, schedule=schedule, warmup_epochs=warmup)
        for length, warmup in ((2, 1), (3, 0), (4, 0))
    ]
    np.testing.assert_allclose(values, np.concatenate(parts), atol=1e-8)
    assert values[19] < 0.02
    np.testing.assert_allclose(values[[20, 50]], 0.1, rtol=1e-6)


def test_update_is_nesterov_momentum_with_weight_decay() -> None:
    recipe = Recipe(learning_rate=0.1, warmup_epochs=0, momentum=0.9, weight_decay=0.01)
    update = optimizer(recipe, STEPS)
    weight, velocity = 2.0, 0.0
    params = {"w": jnp.float32(weight)}
    state = update.init(params)
    for gradient in (1.0, -0.5, 0.25):
        step, state = update.update({"w": jnp.float32(gradient)}, state, params)
        params = optax.apply_updates(params, step)
        total = gradient + 0.01 * weight
        velocity = 0.9 * velocity + total
        weight -= 0.1 * (total + 0.9 * velocity)
        np.testing.assert_allclose(params["w"], weight, rtol=1e-6)
