"""``gpt_nas_jax.load`` of a run that has not finished, and configs from Python."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import gpt_nas_jax as gnj
from gpt_nas_jax import checks, workdir
from gpt_nas_jax.config import PriorConfig, TrainConfig, fields
from gpt_nas_jax.stages import compile_cache
from gpt_nas_jax.workdir import FLAGS, LEDGER, Ledger, write_sealed

RECORD = {
    "genome": [1, 2],
    "fitness": 0.5,
    "reason": None,
    "seconds": 1.0,
    "generation": 0,
}


def test_a_running_search_is_read_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FLAGS).write_text("--stage=search\n", encoding="utf-8")
    ledger, path = Ledger(tmp_path / LEDGER), tmp_path / LEDGER
    for index in range(2):
        ledger.append(RECORD | {"index": index})
    whole = path.read_bytes()
    # The search is still writing its second line.
    path.write_bytes(whole[:-20])
    run = gnj.load(tmp_path)
    assert [trial.index for trial in run.search.trials] == [0]
    assert path.read_bytes() == whole[:-20]
    path.write_bytes(whole)
    assert [trial.index for trial in run.search.trials] == [0, 1]


def test_a_result_is_seen_as_soon_as_it_is_there(tmp_path: Path) -> None:
    (tmp_path / FLAGS).write_text("--stage=search\n", encoding="utf-8")
    run = gnj.load(tmp_path)
    assert run.result is None
    assert run.architecture is None
    write_sealed(tmp_path / "result.json", {"retrain": {"test_accuracy": 0.5}})
    assert run.result == {"retrain": {"test_accuracy": 0.5}}
    (tmp_path / "best").mkdir()
    write_sealed(tmp_path / "best" / "architecture.json", {"blocks": ["Stem"]})
    assert run.architecture is not None
    assert run.architecture["blocks"] == ["Stem"]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"stage": "serch"}, "--stage=serch: give one of all, pretrain"),
        ({"seed": 2**33}, "--seed=8589934592 must be at most 4294967295"),
        ({"seed": -1}, "--seed=-1 must be at least 0"),
        ({"seed": 1.5}, "--seed=1.5 is of type float, not int"),
        ({"stage": "serch", "executor": "ray"}, "--stage=serch: give one of"),
        ({"seed": True}, "--seed=True is of type bool, not int"),
    ],
)
def test_a_config_made_in_python_is_checked(
    settings: dict[str, Any], line: str, tmp_path: Path
) -> None:
    config = gnj.Config(**{"workdir": str(tmp_path / "run"), **settings})
    with pytest.raises(gnj.UsageError) as caught:
        gnj.run(config)
    assert line in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_config_has_the_flags_of_the_command_line_whatever_type_its_numbers_have():
    search = dataclasses.replace(gnj.Config().search, crossover_rate=1)
    config = gnj.Config(workdir=Path("runs"), seed=np.int64(3), search=search)
    checks.check(config)
    same = gnj.configure(workdir="runs", seed=3, search_crossover_rate=1)
    assert fields.to_text(config) == fields.to_text(same)
    assert fields.result_text(config) == fields.result_text(same)


def test_paths_of_a_config_may_be_path_objects(tmp_path: Path) -> None:
    predict = dataclasses.replace(
        gnj.Config().predict, files="a.png", out=tmp_path / "a.csv"
    )
    checks.check(gnj.Config(stage="predict", workdir=tmp_path, predict=predict))
    imports = dataclasses.replace(
        gnj.Config().imports, source=tmp_path / "a.csv", out=tmp_path / "a.npz"
    )
    checks.check(gnj.Config(stage="import_benchmark", imports=imports))
    search = dataclasses.replace(gnj.Config().search, lag=1)
    checks.check(gnj.Config(workdir=tmp_path, search=search))
    checks.check(gnj.Config(workdir=tmp_path, executor="ray"))


def test_a_run_in_the_home_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    space = gnj.spaces.CategoricalSpace((("a", "b"),) * 3)
    gnj.search(space, lambda genome: 1.0, "random", 5, workdir="~/searched")
    assert (tmp_path / "searched" / LEDGER).exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / FLAGS).write_text("--stage=search\n", encoding="utf-8")
    assert gnj.load("~/run").path == tmp_path / "run"


def test_a_run_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / FLAGS).write_text("--search_oldflag=1\n", encoding="utf-8")
    with pytest.raises(gnj.UsageError, match=r"flags.txt cannot be read by this ver"):
        gnj.load(tmp_path)
    with pytest.raises(gnj.UsageError, match="--help is for the command line"):
        gnj.configure(help=True)


@pytest.mark.parametrize("name", ["workdir", "seed", "search_max_hours"])
def test_a_setting_without_a_value_is_refused(name: str) -> None:
    with pytest.raises(gnj.UsageError, match=f"{name}=None: give a value"):
        gnj.configure(**{name: None})


def test_a_stage_leaves_the_settings_of_the_compilation_cache_alone(
    tmp_path: Path,
) -> None:
    """Those are JAX's own, and programs of the user's are kept where they were."""

    def compiles(number: int) -> None:
        jax.jit(lambda x: x + number).lower(1.0).compile()

    before = jax.config.jax_compilation_cache_dir
    mine, ours = tmp_path / "mine", tmp_path / "ours"
    with compile_cache.restored():
        compile_cache.keep(TrainConfig(cache_dir=str(mine)))
        compiles(1)
        with compile_cache.restored():
            compile_cache.keep(TrainConfig(cache_dir=str(ours)))
            compiles(2)
        compiles(3)
    assert jax.config.jax_compilation_cache_dir == before
    compiles(4)
    assert [len([*path.glob("*-cache")]) for path in (mine, ours)] == [2, 1]


def test_two_processes_do_not_learn_in_one_workdir(tmp_path: Path) -> None:
    with (
        workdir.locked(tmp_path),
        pytest.raises(gnj.UsageError, match="in use by another process"),
    ):
        gnj.learn_prior(gnj.spaces.NasBench201Space(), workdir=tmp_path)


def test_numbers_of_a_config_may_be_integers() -> None:
    recipe = dataclasses.replace(gnj.Config().eval.recipe, learning_rate=1)
    settings = dataclasses.replace(gnj.Config().eval, recipe=recipe)
    checks.check(dataclasses.replace(gnj.Config(), eval=settings))
    recipe = dataclasses.replace(recipe, learning_rate=float("nan"))
    settings = dataclasses.replace(settings, recipe=recipe)
    with pytest.raises(gnj.UsageError, match="--eval_learning_rate=nan must be finite"):
        checks.check(dataclasses.replace(gnj.Config(), eval=settings))


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        # The GPT has four heads.
        ({"width": 101}, "--prior_width=101"),
        ({"batch": 0}, "--prior_batch=0 must be at least 1"),
        ({"learning_rate": float("nan")}, "--prior_learning_rate=nan must be finite"),
    ],
)
def test_a_prior_that_cannot_be_learned_is_refused(
    settings: dict[str, Any], line: str
) -> None:
    space = gnj.spaces.NasBench201Space()
    with pytest.raises(gnj.UsageError, match=line):
        gnj.learn_prior(space, PriorConfig(**settings))
