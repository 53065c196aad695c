"""When training stops, given only the losses."""

import math

import hypothesis
import numpy as np
from hypothesis import strategies as st
from prior_support import phase_of

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.prior import learning
from gpt_nas_jax.prior.learning import State
from gpt_nas_jax.tokens.corpus import Windows

LOSSES = st.lists(st.floats(0, 10) | st.just(math.nan), min_size=1, max_size=30)
NOTHING = Windows(np.zeros((0, 11), np.int32), np.zeros(0))


def run(losses: list[float], patience: int) -> State:
    """The final state; its parameters are the index of the last measurement."""
    phase = phase_of(NOTHING, NOTHING, 50 * (len(losses) - 1), interval=50)
    config = PriorConfig(patience=patience)
    state = learning.begin_with(np.array(0), config, [phase])
    for index, loss in enumerate(losses):
        if learning.ended(state, phase, patience):
            break
        state = state.replace(params=index).measured(1 / 3, loss, patience)
    assert learning.ended(state, phase, patience)
    points = state.curve(0, phase)
    assert [point.step for point in points] == [50 * n for n in range(len(points))]
    found = [point.held_out_loss for point in points]
    np.testing.assert_array_equal(found, losses[: len(points)])
    assert [point.train_loss for point in points] == [None, *[1 / 3] * (len(found) - 1)]
    return state


@hypothesis.given(LOSSES, st.integers(1, 5))
def test_the_lowest_is_kept_once_patience_runs_out(losses: list[float], patience: int):
    state = run(losses, patience)
    # NaN is worse than any number.
    values = [math.inf if math.isnan(loss) else loss for loss in losses]
    best = 0
    for index, value in enumerate(values):
        if value < values[best]:
            best = index
        if index - best == patience:
            break
    assert state.kept == state.kept_at[0] == best
    assert state.measurements[0] == index + 1


@hypothesis.given(LOSSES)
def test_without_patience_all_is_learned_and_the_last_is_kept(losses: list[float]):
    state = run(losses, 0)
    assert state.kept == state.kept_at[0] == len(losses) - 1
    assert state.measurements[0] == len(losses)


def test_equal_losses_are_no_progress():
    assert run([1.0, 0.5, 0.5, 0.5, 0.1], 2).kept == 1


def test_a_state_is_not_changed_by_its_next_measurement():
    phase = phase_of(NOTHING, NOTHING, 50, interval=50)
    state = learning.begin_with(np.array(0), PriorConfig(), [phase])
    state.measured(0.0, 1.0, 0)
    assert not state.measurements.any() and not state.losses.any()
