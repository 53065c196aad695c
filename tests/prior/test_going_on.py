"""A learning that goes on from any of its measurements."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.prior import fit, gpt_phases, phases
from gpt_nas_jax.prior.clock import Clock
from gpt_nas_jax.prior.curve import Course
from gpt_nas_jax.prior.fit import Schedule
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.gpt_phases import Outcome, Standing
from gpt_nas_jax.tokens.corpus import CONTEXT, Architectures, Windows

SIZE = 6
MODEL = GPT(SIZE, 8, num_layers=1)


def same(one: Any, other: Any) -> bool:
    return jax.tree.all(jax.tree.map(np.array_equal, one, other))


@pytest.fixture(scope="module")
def start() -> Any:
    """Parameters before any step."""
    context = np.zeros((1, CONTEXT), np.int32)
    return jax.jit(MODEL.init)(jax.random.key(0), context)["params"]


def networks(seed: int) -> Architectures:
    """Ten architectures that none can be foreseen of."""
    generator = np.random.default_rng(seed)
    sequences = generator.integers(2, SIZE, (10, 12), np.int32)
    return Architectures((*sequences,), np.ones(10))


@pytest.mark.parametrize(("steps", "patience"), [(150, 0), (1000, 2)])
def test_from_any_measurement_on_a_phase_ends_as_it_would_have(
    start: Any, steps: int, patience: int
):
    # Noise is learned by heart, and patience soon at an end.
    generator = np.random.default_rng(0)
    seen, held = (
        Windows(generator.integers(2, SIZE, (20, CONTEXT + 1)), np.ones(20))
        for _ in range(2)
    )
    schedule = Schedule(steps, 64, 1e-2, interval=50, patience=patience)

    def run(params: Any, course: Course | None) -> tuple[Any, list[Course], int]:
        counts: list[int] = []
        courses: list[Course] = []
        result = fit.fit_gpt(
            MODEL,
            params,
            seen,
            held,
            jax.random.key(1),
            schedule,
            counts.append,
            course,
            courses.append,
        )
        return result, courses, sum(counts)

    (params, points), courses, count = run(start, None)
    assert [course.points for course in courses] == [
        points[: index + 1] for index in range(len(points))
    ]
    assert len(points) >= 4
    nothing = jax.tree.map(np.zeros_like, start)
    for course in courses:
        (again, others), rest, more = run(nothing, course)
        assert same(again, params)
        assert others == points
        assert more == count - course.now.step
        assert [one.now.step for one in rest] == [
            point.step for point in points if point.step > course.now.step
        ]


def test_either_phase_goes_on_to_the_same_parameters(start: Any):
    config = PriorConfig(batch=64, learning_rate=1e-2, patience=3)
    parts = [
        phases.cut(config, (networks(1), networks(2)), epochs, jax.random.key(0))
        for epochs in (25, 50)
    ]
    keys = jax.random.split(jax.random.key(1))

    def run(
        params: Any, standing: Standing | None
    ) -> tuple[Any, list[Outcome], list[Standing], int]:
        counts: list[int] = []
        standings: list[Standing] = []
        clock = Clock({} if standing is None else standing.seconds)
        result = gpt_phases.learn(
            MODEL,
            params,
            parts,
            keys,
            clock,
            counts.append,
            standing,
            standings.append,
        )
        return *result, standings, sum(counts)

    params, outcomes, standings, count = run(start, None)
    assert [standing.steps for standing in standings] == [0, 50, 50, 100, 150]
    assert [len(standing.outcomes) for standing in standings] == [0, 0, 1, 1, 1]
    nothing = jax.tree.map(np.zeros_like, start)
    for index, standing in enumerate(standings):
        # As if it had taken hours until then.
        seconds = {"pretrain": 7200.0, "finetune": 3600.0}
        standing = dataclasses.replace(standing, seconds=seconds)
        again, others, rest, more = run(nothing, standing)
        assert same(again, params)
        assert others == outcomes
        assert more == count - standing.steps
        assert len(rest) == len(standings) - index - 1
        for one in rest:
            assert one.seconds["pretrain"] >= 7200
            assert one.seconds["finetune"] >= 3600
