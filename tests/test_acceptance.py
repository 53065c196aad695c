"""The README's commands in full: minutes each."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def run(path: Path, *flags: str) -> None:
    command = (sys.executable, "-m", "gpt_nas_jax.main")
    digits = ("--flagfile=launch/digits.flags", f"--workdir={path}")
    root = Path(__file__).parents[1]
    subprocess.run([*command, *digits, *flags], cwd=root, check=True)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


@pytest.mark.slow
def test_digits_reach_98_percent(tmp_path: Path) -> None:
    run(tmp_path)
    result = read(tmp_path / "result.json")
    assert result["search"]["evaluations"] >= 32
    assert result["search"]["generations"] >= 4
    assert result["prior"]["gpt_perplexity"] < result["prior"]["ngram_perplexity"]
    assert result["retrain"]["test_accuracy"] >= 0.98


@pytest.mark.slow
def test_the_gpt_beats_the_ngram_model_on_the_real_benchmark(
    tmp_path: Path, shared_data: Path
) -> None:
    file = shared_data / "nasbench101.npz"
    run(tmp_path, "--stage=pretrain", f"--prior_nasbench101={file}")
    report = read(tmp_path / "prior.json")
    for phase in ("pretrain", "finetune"):
        assert report[phase]["gpt_perplexity"] < report[phase]["ngram_perplexity"]
