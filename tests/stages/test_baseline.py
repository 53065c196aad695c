"""Training a human network from the command line, interrupted and resumed."""

import json
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from stages_support import Runs, result

import gpt_nas_jax as gnj
from gpt_nas_jax import flags, interruption, workdir
from gpt_nas_jax.config import fields
from gpt_nas_jax.datasets import registry
from gpt_nas_jax.main import main
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import human

pytestmark = pytest.mark.slow

NAME = "ResNet-18@2e6"
FLAGS = (
    "--stage=baseline",
    # A search would not have enough images for these flags.
    "--eval_batch=5000",
    "--data_valid_limit=3",
    f"--baseline_name={NAME}",
    "--retrain_batch=128",
    "--retrain_epochs=2",
    "--retrain_label_smoothing=0.1",
    "--retrain_ema=0.9",
)


@pytest.fixture(scope="module")
def trained(runs: Runs) -> Path:
    path = runs.home / "baseline"
    assert main(runs.command(path, *FLAGS)[2:]) == 0
    return path


def test_it_leaves_what_a_retraining_leaves(trained: Path) -> None:
    value = result(trained)
    assert (value["dataset"], value["seed"]) == ("digits", 0)
    chain = human(NAME).build(10, (8, 8, 1))
    traced = trace(chain, (8, 8, 1))
    assert value["best"]["name"] == NAME
    assert value["best"]["params"] == traced.params
    assert value["best"]["flops"] > 0
    assert value["retrain"]["epochs"] == 2
    best = json.loads(
        (trained / "best" / "architecture.json").read_text(encoding="utf-8")
    )
    assert len(best["layers"]) == len(traced.layers)
    weights = workdir.load_tree(trained / "best" / "weights", traced.variables)
    test = registry.load("digits", "").test
    x = (test.images / 255 - np.array(best["mean"])) / np.array(best["std"])
    logits = jax.jit(chain.apply)(weights, x.astype(np.float32))
    accuracy = float(np.mean(np.argmax(logits, -1) == test.labels))
    assert accuracy == pytest.approx(value["retrain"]["test_accuracy"])
    found = gnj.load(trained).predict(test.images)
    assert (found.labels == test.labels).mean() == value["retrain"]["test_accuracy"]


def test_it_goes_on_from_its_checkpoint_to_the_same_weights(
    runs: Runs, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut"
    saved = workdir.save_step

    def stopped_in_the_first(path: Path, step: int, tree: object) -> None:
        saved(path, step, tree)
        if not interruption.pending():
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(workdir, "save_step", stopped_in_the_first)
        assert main(runs.command(cut, *FLAGS)[2:]) == 143
    assert not (cut / "result.json").exists()
    assert main(runs.command(cut, *FLAGS)[2:]) == 0
    assert result(cut) == result(trained)
    shapes = trace(human(NAME).build(10, (8, 8, 1)), (8, 8, 1)).variables
    weights = [
        workdir.load_tree(path / "best" / "weights", shapes) for path in (cut, trained)
    ]
    assert jax.tree.all(jax.tree.map(np.array_equal, *weights))


def test_its_flagfile_trains_it_again(
    runs: Runs, trained: Path, tmp_path: Path
) -> None:
    # With the checkpoints, the run reads the flags but need not train again.
    shutil.copytree(trained / "baseline", tmp_path / "again" / "baseline")
    shutil.copy(trained / "flags.txt", tmp_path / "again")
    flagfile = f"--flagfile={trained / 'best' / 'baseline.flags'}"
    assert main(["main", flagfile, f"--workdir={tmp_path / 'again'}"]) == 0
    assert result(tmp_path / "again") == result(trained)


def test_a_search_is_not_replaced_by_a_human_network(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.finish(tmp_path, "--stage=search")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    command = runs.command(tmp_path, *FLAGS)
    assert main(command[2:]) == 2
    assert "belongs to a search" in capsys.readouterr().err
    assert not (tmp_path / "best").exists()
    assert before == {path: path.read_bytes() for path in before}


def test_a_network_trained_by_its_genome_is_not_replaced(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    description = tmp_path / "best" / "architecture.json"
    command = runs.command(tmp_path, *FLAGS)
    config = flags.parse(command[2:])
    workdir.write_text(tmp_path / "flags.txt", fields.to_text(config))
    workdir.write_json(description, {"genome": [1, 2]})
    assert main(command[2:]) == 2
    assert "belongs to a search" in capsys.readouterr().err
    assert workdir.read_json(description) == {"genome": [1, 2]}
