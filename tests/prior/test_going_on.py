"""Training can be resumed from any of its measurements."""

from typing import Any

import jax
import numpy as np
import pytest
from prior_support import drawn, phase_of

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.prior import learning
from gpt_nas_jax.prior.corpora import Phase, build_phase
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.learning import PARTS, State
from gpt_nas_jax.tokens.corpus import CONTEXT, Architectures, Windows

SIZE = 6
MODEL = GPT(SIZE, 8, num_layers=1)


def same(one: Any, other: Any) -> bool:
    return jax.tree.all(jax.tree.map(np.array_equal, one, other))


@pytest.fixture(scope="module")
def start() -> Any:
    """Initial parameters."""
    context = np.zeros((1, CONTEXT), np.int32)
    return drawn(np.random.default_rng(0), MODEL, context)


def networks(seed: int) -> Architectures:
    """Ten random architectures, which cannot be predicted."""
    generator = np.random.default_rng(seed)
    sequences = generator.integers(2, SIZE, (10, 12), np.int32)
    return Architectures((*sequences,), np.ones(10))


def run(
    config: PriorConfig, phases: list[Phase], state: State
) -> tuple[list[State], int]:
    """All states after this one, and the number of updates."""
    counts: list[int] = []
    keys = jax.random.split(jax.random.key(1), len(phases))
    states = learning.learn_gpt(MODEL, config, phases, keys, state, counts.append)
    return [*states], sum(counts)


def without_time(state: State) -> State:
    return state.replace(seconds=None)


def check_resuming_from_any_state(
    config: PriorConfig, phases: list[Phase], start: State
) -> list[State]:
    """Resumes from each state, as after a restart; returns all states."""
    states, count = run(config, phases, start)
    assert states[-1].phase == len(phases)
    assert states[-1].step == count
    for index, state in enumerate(states):
        # As if training had taken hours so far.
        hours = np.full(len(PARTS), 3600.0)
        rest, more = run(config, phases, state.replace(seconds=hours))
        assert more == count - state.step
        assert len(rest) == len(states) - index - 1
        for again, other in zip(rest, states[index + 1 :], strict=True):
            assert same(without_time(again), without_time(other))
            assert (again.seconds >= hours).all() and (again.seconds > hours).any()
    return states


@pytest.mark.parametrize(
    ("steps", "patience"), [pytest.param(150, 0, marks=pytest.mark.slow), (1000, 2)]
)
def test_a_phase_resumed_from_any_measurement_ends_the_same(
    start: Any, steps: int, patience: int
):
    # Noise is memorised, so patience soon runs out.
    generator = np.random.default_rng(0)
    train, validation = (
        Windows(generator.integers(2, SIZE, (20, CONTEXT + 1)), np.ones(20))
        for _ in range(2)
    )
    config = PriorConfig(batch=64, learning_rate=1e-2, patience=patience)
    phase = phase_of(train, validation, steps, interval=50)
    begun = learning.begin_with(start, config, [phase])
    *states, ended = check_resuming_from_any_state(config, [phase], begun)
    assert len(states) >= 4
    points = ended.curve(0, phase)
    assert [state.curve(0, phase) for state in states] == [
        points[: index + 1] for index in range(len(points))
    ]


def test_either_phase_goes_on_to_the_same_parameters(start: Any):
    config = PriorConfig(batch=64, learning_rate=1e-2, patience=3)
    phases = [
        build_phase(config, (networks(1), networks(2)), epochs, jax.random.key(0))
        for epochs in (25, 50)
    ]
    begun = learning.begin_with(start, config, phases)
    states = check_resuming_from_any_state(config, phases, begun)
    assert [int(state.step) for state in states] == [0, 50, 50, 50, 100, 150, 150]
    assert [int(state.phase) for state in states] == [0, 0, 1, 1, 1, 1, 2]
