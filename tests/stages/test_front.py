"""Searches with several objectives: the front, and which networks are trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stages_support import CLOCK

import gpt_nas_jax as gnj
from gpt_nas_jax import config, workdir
from gpt_nas_jax.main import main
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.stages import front
from gpt_nas_jax.workdir import Ledger


def settings(pick: str = "accuracy") -> config.Config:
    return config.Config(
        search=config.SearchConfig(objectives="accuracy,params,flops"),
        retrain=config.RetrainConfig(pick=pick),
    )


numbers = st.integers(0, 5)
evaluations = st.lists(
    st.fixed_dictionaries(
        {"fitness": st.none() | numbers, "params": numbers, "flops": numbers}
    ),
    min_size=1,
    max_size=20,
).filter(lambda records: any(record["fitness"] is not None for record in records))


def values(record: dict[str, Any]) -> tuple[float, ...]:
    return record["fitness"], -record["params"], -record["flops"]


@given(evaluations)
def test_the_front_is_what_no_other_evaluation_dominates(records: list[dict[str, Any]]):
    scored = [values(record) for record in records if record["fitness"] is not None]
    due = {
        one
        for one in scored
        if not any(
            other != one and all(a >= b for a, b in zip(other, one, strict=True))
            for other in scored
        )
    }
    found = [values(record) for record in front.of(settings(), records)]
    assert len(found) == len(due)
    assert set(found) == due
    assert found == sorted(found, key=lambda one: -one[0])


FOUND = [
    {"fitness": 0.9, "params": 100, "flops": 90},
    {"fitness": 0.8, "params": 20, "flops": 30},
    {"fitness": 0.5, "params": 10, "flops": 10},
]


@pytest.mark.parametrize(
    ("pick", "due"),
    [
        ("accuracy", FOUND[:1]),
        ("knee", FOUND[1:2]),
        ("2", FOUND[:2]),
        ("9", FOUND),
        ("all", FOUND),
    ],
)
def test_networks_are_picked_by_name_or_number(pick: str, due: list[dict[str, Any]]):
    assert front.picked(settings(pick), FOUND) == due


HUMAN = "ShuffleNetV2-x0.5"


def human_params() -> int:
    return trace(ZOO[HUMAN].build(10, (8, 8, 1)), (8, 8, 1)).params


FLAGS = (
    "--data_train_limit=100",
    "--data_valid_limit=100",
    "--space_min_depth=2",
    "--space_max_depth=3",
    "--space_num_stages=1",
    "--search_strategy=genetic",
    "--search_population=4",
    "--search_generations=3",
    "--search_objectives=accuracy,params",
    "--search_max_params=30000",
    "--eval_epochs=1",
    "--eval_batch=50",
    "--retrain_pick=2",
    "--retrain_epochs=1",
    "--retrain_batch=64",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "humans", [(), pytest.param((HUMAN,), marks=pytest.mark.long)], ids=["", HUMAN]
)
def test_a_run_keeps_its_limits_and_trains_the_front(
    humans: tuple[str, ...], tmp_path: Path
):
    named = f"--retrain_baselines={','.join(humans)}"
    run = ["gpt_nas_jax", *FLAGS, named, f"--workdir={tmp_path}"]
    assert main(run) == 0
    whole = Ledger(tmp_path / "ledger.jsonl").read()
    assert max(record["params"] for record in whole) <= 30_000
    kept = workdir.read_sealed(tmp_path / front.FILE)
    assert kept["objectives"] == ["accuracy", "params"]
    rows = [(record["fitness"], -record["params"]) for record in kept["networks"]]
    assert rows == sorted(rows, reverse=True)
    assert not any(
        (record["fitness"], -record["params"]) != row
        and record["fitness"] >= row[0]
        and -record["params"] >= row[1]
        for record in whole
        if record["fitness"] is not None
        for row in rows
    )
    trained = rows[:2]
    result = workdir.read_sealed(tmp_path / "result.json")
    for suffix, (_, params) in zip(("", "-2"), trained, strict=False):
        assert (tmp_path / f"best{suffix}" / "weights").exists()
        assert (tmp_path / f"best{suffix}" / "retrain.flags").exists()
        assert result[f"best{suffix}"]["params"] == -params
        assert 0 <= result[f"retrain{suffix}"]["test_accuracy"] <= 1
        loaded = gnj.load(tmp_path / f"best{suffix}")
        assert loaded.architecture["params"] == -params
    names = [one["network"] for one in result["trained"]]
    assert names == [*(["best", "best-2"][: len(trained)]), *humans]
    for name in humans:
        assert result["trained"][-1]["params"] == human_params()
        assert gnj.load(tmp_path / "baselines" / name).architecture["name"] == name
    counts = np.array(result["retrain"]["confusion"])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(f'<th scope="row">{name}</th>' in page for name in names)
    assert f'<td class="number"><b>{counts[3, 3]}</b></td>' in page
    assert "Answers by class" in page
    # A search that has lost its evaluations after the fifth, as in a crash, makes them
    # again with the same results.
    file = tmp_path / "ledger.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:6]))
    assert main([*run, "--stage=search"]) == 0
    again = Ledger(file).read()
    assert [{**record, **CLOCK} for record in again] == [
        {**record, **CLOCK} for record in whole
    ]
    assert np.isfinite(result["front"]["most_accurate_fitness"])
