"""Compiled programs: kept where only their user writes, bounded, found again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stages_support import Runs, ledger

from gpt_nas_jax.main import main

# Keeps the programs of twenty functions in at most 40 kB.
BOUNDED = """
import sys
import jax
from gpt_nas_jax.config import TrainConfig
from gpt_nas_jax.stages import compile_cache
compile_cache.keep(TrainConfig(cache_dir=sys.argv[1], cache_size=40_000 / 2**30))
for number in range(20):
    jax.jit(lambda x: x * number + number)(1.0)
"""


def test_a_directory_that_others_write_to_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    run = tmp_path / "run"
    flags = (f"--workdir={run}", f"--train_cache_dir={shared}")
    assert main(["main", "--search_strategy=genetic", *flags]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--train_cache_dir" in error
    assert not run.exists()


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BOUNDED, str(tmp_path)]
    subprocess.run(command, check=True, env=os.environ | {"JAX_PLATFORMS": "cpu"})
    sizes = [file.stat().st_size for file in tmp_path.rglob("*-cache")]
    assert 0 < sum(sizes) <= 40_000


@pytest.mark.slow
def test_warming_up_changes_no_result(runs: Runs, tmp_path: Path) -> None:
    flags = (
        "--stage=search",
        "--search_strategy=genetic",
        "--search_generations=1",
        "--eval_trained_blocks=all",
    )
    runs.finish(tmp_path / "warm", *flags, "--train_warmup=all")
    runs.finish(tmp_path / "cold", *flags)
    assert ledger(tmp_path / "warm") == ledger(tmp_path / "cold")
    assert all(line["fitness"] for line in ledger(tmp_path / "warm"))
