"""Runs the examples, with smaller settings for those that take minutes."""

import runpy
from pathlib import Path

import ask_tell
import own_images
import own_space
import pytest

import gpt_nas_jax as gnj
from gpt_nas_jax.main import main
from gpt_nas_jax.workdir import Ledger

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "--stage=search",
    "--data_train_limit=200",
    "--space_min_depth=2",
    "--space_max_depth=3",
    "--space_num_stages=1",
    "--search_batch=2",
    "--search_population=4",
    "--search_generations=1",
    "--eval_epochs=1",
    "--eval_batch=50",
)
WITHOUT_TRAINING = ("--eval_method=zero_cost", "--eval_proxies=params")


def searched(workdir: Path, *flags: str) -> list[dict]:
    """Runs a small search from the command line; returns its ledger."""
    assert main(["gpt_nas_jax", *SMALL, f"--workdir={workdir}", *flags]) == 0
    return Ledger(workdir / "ledger.jsonl").read()


def test_asking_and_telling_by_hand():
    assert "nor_conv_3x3" in ask_tell.main()


@pytest.mark.long
def test_every_strategy_searches_a_space_of_the_users_own():
    settings = gnj.PriorConfig(
        width=16,
        batch=256,
        learning_rate=1e-2,
        pretrain_epochs=2,
        finetune_epochs=5,
        fcn_steps=50,
    )
    found = own_space.main(settings)
    assert set(found) == set(gnj.strategies.STRATEGIES)
    assert all(0.7 < fitness <= 1 for fitness in found.values())


@pytest.mark.long
def test_own_blocks_are_searched_by_the_command_line(tmp_path: Path):
    records = searched(
        tmp_path,
        "--search_strategy=random",
        "--search_batch=4",
        "--search_generations=2",
        "--space_blocks=own_block:GhostBlock,own_block:Gate",
        "--seed=3",
    )
    names = {name for record in records for name in record["blocks"]}
    assert names & {"GhostBlock", "Gate"}
    assert all(record["reason"] is None for record in records)


def test_a_users_strategy_searches(tmp_path: Path):
    records = searched(
        tmp_path,
        "--search_strategy=own_strategy:OnePlusLambda",
        "--search_settings=edits=2",
        *WITHOUT_TRAINING,
    )
    assert len(records) == 4
    assert {record["generation"] for record in records} == {0, 1}


@pytest.mark.long
def test_a_users_proxy_scores(tmp_path: Path):
    records = searched(
        tmp_path,
        "--search_strategy=random",
        "--eval_method=zero_cost",
        "--eval_proxies=own_proxy:spread,params",
        "--eval_proxy_batch=16",
    )
    assert all(record["scores"]["own_proxy:spread"] < 10 for record in records)
    assert all(record["scores"]["params"] == record["params"] for record in records)


def test_a_users_executor_evaluates(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    records = searched(
        tmp_path,
        "--search_strategy=random",
        "--executor=own_executor:announced",
        *WITHOUT_TRAINING,
    )
    assert len(records) == 4
    assert capsys.readouterr().out.count("item ") == 4


@pytest.mark.long
def test_own_images_from_python(tmp_path: Path):
    run = own_images.main(tmp_path)
    assert len(run.search) == 6
    assert run.result["retrain"]["test_accuracy"] > 0.6


@pytest.mark.slow
def test_the_best_network_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    searched(tmp_path, "--search_strategy=random", "--stage=all", "--retrain_epochs=2")
    monkeypatch.setattr("sys.argv", ["load_best.py", str(tmp_path)])
    capsys.readouterr()
    runpy.run_path(str(ROOT / "examples" / "load_best.py"), run_name="__main__")
    *_, right = capsys.readouterr().out.split()
    assert float(right) == gnj.load(tmp_path).result["retrain"]["test_accuracy"]
