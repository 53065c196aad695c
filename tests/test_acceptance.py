"""Full runs of the README's commands, minutes each."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.datasets.benchmarks import nasbench101
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench101.cells import from_columns
from gpt_nas_jax.spaces.nasbench101.network import IMAGE, network
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule


def run(path: Path, *flags: str) -> None:
    command = (sys.executable, "-m", "gpt_nas_jax.main")
    digits = ("--flagfile=launch/digits.flags", f"--workdir={path}")
    root = Path(__file__).parents[1]
    subprocess.run([*command, *digits, *flags], cwd=root, check=True)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.long
def test_digits_reach_98_percent(tmp_path: Path) -> None:
    run(tmp_path)
    result = read(tmp_path / "result.json")
    assert result["search"]["evaluations"] == 30
    assert result["search"]["generations"] == 3
    assert result["prior"]["gpt_perplexity"] < result["prior"]["ngram_perplexity"]
    assert result["retrain"]["test_accuracy"] >= 0.98


@pytest.mark.long
def test_the_gpt_beats_a_5_gram_on_the_real_benchmark(
    tmp_path: Path, shared_data: Path
) -> None:
    file = shared_data / "nasbench101.npz"
    run(tmp_path, "--stage=pretrain", f"--prior_nasbench101={file}")
    report = read(tmp_path / "prior.json")
    for phase in ("pretrain", "finetune"):
        assert report[phase]["gpt_perplexity"] < report[phase]["ngram_perplexity"]


@pytest.mark.long
def test_1000_cells_have_the_published_numbers_of_parameters(shared_data: Path) -> None:
    table = nasbench101.read(shared_data / "nasbench101.npz")
    rows = jax.random.choice(jax.random.key(0), len(table), (1000,), replace=False)
    graphs = table.n_vertices[rows], table.edge_bits[rows], table.ops[rows]
    counts = [
        trace(network(cell.edges, cell.ops), IMAGE).params
        for cell in from_columns(*graphs)
    ]
    assert counts == table.params[rows].tolist()


@pytest.mark.long
def test_the_benchmark_of_candidates_runs(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    script = root / "launch" / "benchmarks" / "candidate_training.py"
    file = tmp_path / "candidates.json"
    flags = ("--candidates=2", "--sides=8", "--repeats=2", f"--json={file}")
    subprocess.run([sys.executable, str(script), *flags], check=True)
    measured = read(file)["8x8"]
    ways = {name: len(timings) for name, timings in measured["ways"].items()}
    assert ways["blocks, cold"] == ways["blocks, later"] == 1
    assert ways["blocks, warm"] == ways["whole"] == 2


@pytest.mark.long
def test_600_candidates_take_the_memory_of_60() -> None:
    space = BlockSpace((8, 8, 1), 10, 10, 20, 16, 3)
    update = optimizer(Recipe(epochs=1, batch=32), 1)
    random = np.random.default_rng(0)
    x = jnp.asarray(random.normal(size=(32, 8, 8, 1)), jnp.float32)
    labels = jnp.asarray(random.integers(0, 10, 32), jnp.int32)
    client, peaks, programs, arrays = jax.devices()[0].client, [], [], []
    for index, genome in enumerate(space.sample(jax.random.key(0), 600)):
        network, key = space.decode(genome), jax.random.key(index)
        rules = (Rule.ALL,) * len(network.blocks)
        states = by_block.start(network, rules, update, space.image, key)
        jax.block_until_ready(by_block.step(update, states, x, labels))
        del states
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        programs.append(len(client.live_executables()))
        arrays.append(len(jax.live_arrays()))
    assert programs[-1] == programs[100]
    assert max(arrays[60:]) <= max(arrays[:60])
    assert peaks[-1] <= 1.05 * peaks[100]
