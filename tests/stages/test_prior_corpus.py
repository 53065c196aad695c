"""The cells of NAS-Bench-201 that a prior learns from."""

import json
from pathlib import Path

import numpy as np
import pytest
from stages_support import Runs

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.datasets.benchmarks import nasbench201
from gpt_nas_jax.main import main
from gpt_nas_jax.stages import pretrain

pytestmark = pytest.mark.slow


def test_without_a_file_all_cells_are_learned_from():
    (ops,) = pretrain.read_cells(PriorConfig(corpus="nasbench201"))
    assert ops.dtype == np.uint8
    assert len(np.unique(ops, axis=0)) == len(ops) == 5**6
    assert ops.max() == 4


def test_with_a_file_only_the_best_on_cifar10_are_learned_from(shared_data: Path):
    file = shared_data / "nasbench201.npz"
    config = PriorConfig(corpus="nasbench201", nasbench201=str(file))
    (ops,) = pretrain.read_cells(config)
    with np.load(file) as archive:
        accuracy = dict(
            zip(map(bytes, archive["ops"]), archive["cifar10/val_acc_200"], strict=True)
        )
    kept = {bytes(row) for row in ops}
    # The paper keeps 295,889 of 423,624 cells of NAS-Bench-101: 69.85 %.
    assert len(kept) == len(ops) == 10_914
    dropped = [value for cell, value in accuracy.items() if cell not in kept]
    assert min(accuracy[cell] for cell in kept) >= max(dropped)
    assert [*map(nasbench201.to_string, ops)].index(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
        "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    )


@pytest.mark.long
def test_a_run_may_learn_from_the_other_benchmark(runs: Runs, tmp_path: Path):
    flags = ("--stage=pretrain", "--prior_pretrain_epochs=0")
    command = runs.command(tmp_path, *flags, "--prior_corpus=nasbench201")
    assert main(command[2:]) == 0
    report = json.loads((tmp_path / "prior.json").read_text(encoding="utf-8"))
    assert report["pretrain"]["networks"] == 15_625
    # 3x3 and 2x2 average pooling are words of this corpus only.
    assert report["vocabulary_size"] == 38 + 2
