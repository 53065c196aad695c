"""The README's first command in full."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_digits_reach_98_percent(tmp_path: Path) -> None:
    """About three minutes on 2 CPU cores."""
    flags = ("--flagfile=launch/digits.flags", f"--workdir={tmp_path}")
    command = [sys.executable, "-m", "gpt_nas_jax.main", *flags]
    subprocess.run(command, cwd=Path(__file__).parents[1], check=True)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["search"]["evaluations"] >= 32
    assert result["search"]["generations"] >= 4
    assert result["prior"]["gpt_perplexity"] < result["prior"]["ngram_perplexity"]
    assert result["retrain"]["test_accuracy"] >= 0.98
