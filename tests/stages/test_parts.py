"""How much of a run is left behind each of its parts."""

import contextlib
import dataclasses

import jax
import pytest

from gpt_nas_jax.config import Config, EvalConfig, Recipe, RetrainConfig, SearchConfig
from gpt_nas_jax.config.training import RetrainRecipe
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.reports import terminal
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.stages.parts import Parts
from gpt_nas_jax.stages.problem import Problem

CONFIG = Config(
    search=SearchConfig(finalists=2, finalist_epochs=8),
    eval=EvalConfig(recipe=Recipe(epochs=4)),
    retrain=RetrainConfig(recipe=RetrainRecipe(epochs=20)),
)
SPACE = BlockSpace((8, 8, 1), 10, min_depth=2, max_depth=3, width=16, num_stages=1)


@pytest.fixture(scope="module")
def problem() -> Problem:
    dataset = registry.load("digits", "")
    return Problem(dataset, images.split(dataset, jax.random.key(0), 0.2, None), SPACE)


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float | None]]:
    """The parts that were entered: label and rest."""
    found: list[tuple[str, float | None]] = []

    @contextlib.contextmanager
    def part(label: str, rest: float | None):
        found.append((label, rest))
        yield

    monkeypatch.setattr(terminal, "part", part)
    return found


def test_later_parts_are_counted_in_trainings_of_the_one_that_runs(
    problem: Problem, entered: list[tuple[str, float | None]]
):
    parts = Parts(CONFIG, problem)
    for context in (parts.prior, parts.search, parts.finalists, parts.retraining):
        with context():
            pass
    images = len(problem.dataset.train) / len(problem.splits.train)
    assert entered == [
        ("part 1 of 3", None),
        # Six trainings of twice as many epochs, and 20 epochs on all images.
        ("part 2 of 3", pytest.approx(6 * 2 + 5 * images)),
        ("part 2 of 3", pytest.approx(20 / 8 * images)),
        ("part 3 of 3", 0.0),
    ]


def test_without_a_prior_there_are_two_parts(
    problem: Problem, entered: list[tuple[str, float | None]]
):
    search = dataclasses.replace(CONFIG.search, strategy="genetic", finalists=1)
    with Parts(dataclasses.replace(CONFIG, search=search), problem).search():
        pass
    assert entered[0][0] == "part 1 of 2"


def test_a_single_stage_has_no_parts(
    problem: Problem, entered: list[tuple[str, float | None]]
):
    with Parts(dataclasses.replace(CONFIG, stage="search"), problem).search():
        pass
    assert entered == []
