"""How much of a run remains after each of its parts."""

import dataclasses
import math
from collections.abc import Callable

import jax
import pytest

from gpt_nas_jax.config import (
    Config,
    EvalConfig,
    EvalRecipe,
    RetrainConfig,
    SearchConfig,
)
from gpt_nas_jax.config.training import RetrainRecipe
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.reports import terminal
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.stages.parts import Context, Parts
from gpt_nas_jax.stages.problem import Problem

CONFIG = Config(
    search=SearchConfig(finalists=2, finalist_epochs=8),
    eval=EvalConfig(recipe=EvalRecipe(epochs=4)),
    retrain=RetrainConfig(recipe=RetrainRecipe(epochs=20)),
)
SPACE = BlockSpace((8, 8, 1), 10, min_depth=2, max_depth=3, width=16, num_stages=1)


@pytest.fixture(scope="module")
def problem() -> Problem:
    dataset = registry.load("digits", "")
    return Problem(dataset, images.split(dataset, jax.random.key(0), 0.2, None), SPACE)


@pytest.fixture
def said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Context], str]:
    """Gives the last line of a part's bar: 1 of 4 done after an hour."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    def say(part: Context) -> str:
        with part, terminal.progress("bar", 4) as advance:
            clock[0] += 3600
            advance()
        return capfd.readouterr().out.splitlines()[-1]

    return say


def test_later_parts_are_counted_in_trainings_of_the_one_that_runs(
    problem: Problem, said: Callable[[Context], str]
):
    parts = Parts(CONFIG, problem)
    share = len(problem.dataset.train) / len(problem.splits.train)
    assert said(parts.prior()) == "part 1 of 3: bar: 1 of 4 done"
    # Six trainings with twice as many epochs, and 20 epochs on all images.
    rests = (6 * 2 + 5 * share, 20 / 8 * share, 0)
    contexts = (parts.search(), parts.finalists(), parts.retraining(0))
    for number, context, rest in zip((2, 2, 3), contexts, rests, strict=True):
        left = math.ceil(60 * (3 + rest))
        assert said(context) == (
            f"part {number} of 3: bar: 1 of 4 done; about {left} min left of the whole "
            "run"
        )


def test_without_a_prior_there_are_two_parts(
    problem: Problem, said: Callable[[Context], str]
):
    search = dataclasses.replace(CONFIG.search, strategy="genetic", finalists=1)
    parts = Parts(dataclasses.replace(CONFIG, search=search), problem)
    assert said(parts.search()).startswith("part 1 of 2: bar")


def test_a_search_that_ends_after_some_hours_has_no_estimate(
    problem: Problem, said: Callable[[Context], str]
):
    search = dataclasses.replace(CONFIG.search, max_hours=0.5)
    parts = Parts(dataclasses.replace(CONFIG, search=search), problem)
    assert said(parts.search()) == "part 2 of 3: bar: 1 of 4 done"


def test_a_single_stage_has_no_parts(problem: Problem, said: Callable[[Context], str]):
    parts = Parts(dataclasses.replace(CONFIG, stage="search"), problem)
    assert said(parts.search()) == "bar: 1 of 4 done"


def test_networks_beside_the_best_are_counted(
    problem: Problem, said: Callable[[Context], str]
):
    beside = dataclasses.replace(CONFIG.retrain, pick="2", baselines="ResNet-18")
    parts = Parts(dataclasses.replace(CONFIG, retrain=beside), problem)
    share = len(problem.dataset.train) / len(problem.splits.train)
    # Another 20 epochs, twice.
    rests = (6 * 2 + 3 * 5 * share, 2 * 20)
    for context, rest in zip((parts.search(), parts.retraining(2)), rests, strict=True):
        left = math.ceil(60 * (3 + rest))
        assert said(context).endswith(f"about {left} min left of the whole run")
