"""A whole run on images streamed from disk, killed within an epoch."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from imagenet_support import prepare_imagenet
from stages_support import Runs, ledger, result

from gpt_nas_jax import workdir
from gpt_nas_jax.main import main
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import candidate

pytestmark = pytest.mark.slow

SIDE = 32


def weights(path: Path) -> dict[str, object]:
    best = workdir.read_json(path / "best" / "architecture.json")
    network = candidate(
        tuple(best["blocks"]), best["width"], best["num_stages"], best["num_classes"]
    )
    shapes = trace(network, tuple(best["image"])).variables
    return workdir.load_tree(path / "best" / "weights", shapes)


def test_killed_within_an_epoch_it_ends_with_the_same_network(
    runs: Runs, tmp_path: Path
) -> None:
    """The search sees half the images; a retraining epoch has six batches of all."""
    prepare_imagenet(tmp_path / "tfds")
    flags = (
        "--data_name=imagenet2012",
        f"--data_dir={tmp_path / 'tfds'}",
        f"--data_side={SIDE}",
        "--data_fraction=0.5",
        "--search_strategy=random",
        "--search_batch=2",
        "--search_population=2",
        "--search_generations=1",
        "--eval_batch=40",
        "--eval_pad=0",
        "--eval_trained_blocks=all",
        "--retrain_batch=32",
        "--retrain_epochs=2",
        "--retrain_checkpoint_epochs=2",
        "--retrain_checkpoint_steps=4",
    )
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert main(runs.command(whole, *flags, "--data_workers=0")[2:]) == 0
    assert all(line["fitness"] is not None for line in ledger(whole))
    # The same search, not yet retrained.
    later = shutil.ignore_patterns("retrain", "best", "result.json")
    shutil.copytree(whole, cut, ignore=later)
    runs.die(cut, 4, *flags, "--data_workers=2")
    assert not (cut / "result.json").exists()
    assert main(runs.command(cut, *flags, "--data_workers=0")[2:]) == 0
    assert result(cut) == result(whole)
    jax.tree.map(np.testing.assert_array_equal, weights(cut), weights(whole))
