"""Details, costs and failures that an evaluator returns to ``gpt_nas_jax.search``."""

import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from search_support import SPACE, evaluate

import gpt_nas_jax as gnj
from gpt_nas_jax.config import COSTS
from gpt_nas_jax.reports.page import report
from gpt_nas_jax.reports.page.run import read


def test_failures_are_reported_with_their_reason():
    def fails(genome: np.ndarray) -> object:
        if genome[0] == 0:
            raise ValueError("no zeros\nat all")
        if genome.tolist()[:2] == [2, 1]:
            return np.ones(3)
        if genome[0] == 1:
            return {"fitness": None, "reason": "diverged", "epoch": 3}
        return {"fitness": math.nan} if genome[1] == 0 else 1.0

    found = gnj.search(SPACE, fails, "random", evaluations=40)
    kinds = {(trial.reason or "").partition(":")[0] for trial in found}
    assert len(kinds) >= 4
    for trial in found:
        expected = {0: "ValueError: no zeros", 1: "diverged"}.get(int(trial.genome[0]))
        if expected is None and trial.genome[1] == 0:
            expected = "fitness is not a finite number"
        if trial.genome.tolist()[:2] == [2, 1]:
            expected = "TypeError: evaluate returned ndarray of shape"
        # Reasons end with the place of the error, in parentheses.
        assert (trial.reason or "").partition(" (")[0] == (expected or "")
        assert (trial.fitness == -math.inf) == (expected is not None)
        assert trial.details == ({"epoch": 3} if trial.genome[0] == 1 else {})


def test_details_may_be_anything_that_json_can_nearly_express(tmp_path: Path):
    def details(genome: np.ndarray) -> dict[str, Any]:
        if genome[0] == 0:
            return {"fitness": None, "reason": ValueError("no zeros")}
        return {
            "fitness": np.float32(evaluate(genome)),
            "loss": math.nan,
            "epoch": np.int64(3),
            "by_epoch": jnp.arange(2.0, dtype=jnp.bfloat16),
            "worst": np.float32("nan"),
        }

    found = gnj.search(SPACE, details, "random", 20, workdir=tmp_path / "run")
    again = gnj.search(SPACE, details, "random", 20, workdir=tmp_path / "run")
    for trial, same in zip(found, again, strict=True):
        assert trial.details == same.details
        if trial.genome[0] == 0:
            assert trial.reason == "no zeros"
        else:
            details = {"loss": None, "epoch": 3, "by_epoch": [0.0, 1.0], "worst": None}
            assert trial.details == details


@pytest.mark.parametrize("wrong", ["2 GB", [1, 2], {"a": 1}])
def test_a_cost_that_is_no_number_fails_the_candidate(wrong: Any):
    def costs(genome: np.ndarray) -> dict[str, Any]:
        memory = wrong if genome[0] == 0 else np.int64(5)
        return {"fitness": 1.0, "params": None, "memory": memory}

    for trial in gnj.search(SPACE, costs, "random", 20):
        assert ("returned memory=" in (trial.reason or "")) == (trial.genome[0] == 0)


@pytest.mark.parametrize("cost", COSTS)
def test_a_cost_that_no_float_holds_fails_the_candidate(tmp_path: Path, cost: str):
    def costs(genome: np.ndarray) -> dict[str, Any]:
        wrong = 10**400 if genome[1] else -(10**400)
        return {"fitness": float(genome[1]), cost: 10**9 if genome[0] else wrong}

    run = tmp_path / "run"
    for trial in gnj.search(SPACE, costs, "random", 20, workdir=run):
        assert (f"returned {cost} " in (trial.reason or "")) == (trial.genome[0] == 0)
    assert "that a float can hold" in report.html(read(run))


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"blocks": 4}, "returned blocks=4; return a list of names"),
        ({"blocks": ["Conv", 1]}, "return a list of names"),
        ({"start": "now"}, "must not name start"),
        ({"proposed": True}, "must not name proposed"),
    ],
)
def test_a_detail_that_the_report_could_not_show_fails_the_candidate(
    details: dict[str, Any], reason: str
):
    def evaluated(genome: np.ndarray) -> dict[str, Any]:
        return {"fitness": 1.0} | (details if genome[0] == 0 else {"blocks": ["Conv"]})

    for trial in gnj.search(SPACE, evaluated, "random", 20):
        assert (reason in (trial.reason or "")) == (trial.genome[0] == 0)


def test_a_mapping_without_fitness_is_named():
    def misspelt(genome: np.ndarray) -> dict[str, Any]:
        if genome[0] == 2:
            return {"fitness": 1.0}
        return {"fitnes": 1.0} if genome[0] else {"fitness": None}

    expected = {
        0: "evaluate gave no reason",
        1: "TypeError: evaluate returned a mapping without fitness",
        2: "",
    }
    for trial in gnj.search(SPACE, misspelt, "random", 20):
        assert (trial.reason or "").startswith(expected[int(trial.genome[0])])


def test_a_detail_that_json_cannot_express_fails_the_candidate_with_its_type():
    def details(genome: np.ndarray) -> dict[str, Any]:
        wrong = (object(), 1 + 2j, np.longdouble(1.5))[genome[1]]
        return {"fitness": 1.0, "kept": wrong if genome[0] == 0 else None}

    found = gnj.search(SPACE, details, "random", 40)
    failed = [trial for trial in found if trial.genome[0] == 0]
    assert {int(trial.genome[1]) for trial in failed} == {0, 1, 2}
    for trial in failed:
        kind = ("object", "complex", "longdouble")[trial.genome[1]]
        assert f"a detail of type {kind}" in trial.reason


def test_without_a_single_fitness_the_search_ends():
    with pytest.raises(
        gnj.UsageError, match="none of 10 candidates could be evaluated"
    ):
        gnj.search(SPACE, lambda genome: 1 / 0, "random", evaluations=20)


def test_a_first_candidate_that_fails_does_not_end_the_search():
    calls = []

    def fails_once(genome: np.ndarray) -> float:
        calls.append(genome)
        return evaluate(genome) if len(calls) > 1 else 1 / 0

    # A prime number of evaluations is asked for one by one.
    found = gnj.search(SPACE, fails_once, "random", evaluations=11)
    assert len(calls) == 11
    assert [trial.reason is None for trial in found.trials] == [False, *[True] * 10]
