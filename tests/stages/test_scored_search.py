"""Searches that use zero-cost proxies as fitness or to filter candidates."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stages_support import Runs, ledger

from gpt_nas_jax.evaluation import ranks
from gpt_nas_jax.main import main
from gpt_nas_jax.reports.terminal import short
from gpt_nas_jax.spaces.blocks.space import BlockSpace

SPACE = BlockSpace((8, 8, 1), 10, min_depth=2, max_depth=3, width=16, num_stages=1)
SEARCH = ("--stage=search", "--search_batch=4", "--eval_proxy_batch=8")
SCORED = (*SEARCH, "--eval_method=zero_cost", "--eval_proxies=params,flops")


def search(runs: Runs, path: Path, *flags: str) -> list[dict[str, Any]]:
    assert main(runs.command(path, *flags)[2:]) == 0
    return ledger(path)


def cut(whole: Path, path: Path, lines: int) -> None:
    """A copy of a workdir as after a kill: ``lines`` ledger lines, no saved state."""
    shutil.copytree(whole, path)
    kept = (whole / "ledger.jsonl").read_bytes().splitlines(keepends=True)[:lines]
    (path / "ledger.jsonl").write_bytes(b"".join(kept) + b'{"generation": 0, "ind')
    shutil.rmtree(path / "search")


@pytest.mark.slow
def test_fitness_is_measured_by_the_reference_on_disk(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    records = search(runs, tmp_path, *SCORED, "--search_strategy=genetic")
    kept = json.loads((tmp_path / "reference.json").read_text(encoding="utf-8"))
    assert kept["proxies"] == ["params", "flops"]
    pool = np.array(kept["scores"])
    assert pool.shape == (64, 2)
    assert SPACE.valid(np.array(kept["genomes"])).all()
    for record in records:
        scores = [record["params"], record["flops"]]
        assert record["scores"] == dict(zip(kept["proxies"], scores, strict=True))
        (expected,) = ranks.fitness(np.array([scores]), pool)
        assert record["fitness"] == pytest.approx(expected)
    assert "mean log rank by params,flops, no accuracy" in capsys.readouterr().out


def test_networks_of_the_user_come_first(runs: Runs, tmp_path: Path):
    best = tmp_path / "best"
    best.mkdir()
    text = json.dumps({"blocks": ["Stem", "ReLU"]})
    (best / "architecture.json").write_text(text, encoding="utf-8")
    flags = (*SCORED, "--eval_proxies=params", "--search_strategy=random")
    records = search(runs, tmp_path / "run", *flags, f"--search_seeds_from={best}")
    assert records[0]["blocks"] == ["Stem", "ReLU"]


def test_a_single_proxy_needs_no_reference(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    flags = (*SCORED, "--search_strategy=random", "--eval_proxies=params")
    records = search(runs, tmp_path, *flags)
    assert all(record["fitness"] == record["params"] for record in records)
    assert not (tmp_path / "reference.json").exists()
    printed = capsys.readouterr().out
    assert "score by params, no accuracy" in printed
    assert short(max(record["params"] for record in records)) in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "lines"), [("genetic", 0), ("regularised_evolution", 5)]
)
def test_a_filtered_search_goes_on_where_it_stopped(
    runs: Runs, tmp_path: Path, strategy: str, lines: int
):
    flags = (*SCORED, "--search_filter=3", f"--search_strategy={strategy}")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    records = search(runs, whole, *flags)
    assert len(records) == 12
    cut(whole, killed, lines)
    if not lines:
        (killed / "reference.json").unlink()
    assert search(runs, killed, *flags, "--search_workers=2") == records
    reference = (whole / "reference.json").read_bytes()
    assert (killed / "reference.json").read_bytes() == reference


def test_the_filter_evaluates_the_best_of_what_is_asked(runs: Runs, tmp_path: Path):
    flags = (*SCORED, "--eval_proxies=params", "--search_strategy=random")
    plain = search(runs, tmp_path / "plain", *flags)
    filtered = search(runs, tmp_path / "filtered", *flags, "--search_filter=6")
    means = [np.mean([r["params"] for r in records]) for records in (plain, filtered)]
    assert means[1] > means[0]
    for generation in range(3):
        params = [r["params"] for r in filtered if r["generation"] == generation]
        assert params == sorted(params, reverse=True)
    genomes = {tuple(record["genome"]) for record in filtered}
    assert len(genomes) == len(filtered)


@pytest.mark.long
def test_what_the_filter_keeps_is_trained(runs: Runs, tmp_path: Path):
    flags = (*SEARCH, "--search_strategy=genetic", "--eval_proxies=params,flops")
    few = ("--search_filter=3", "--search_population=2", "--search_generations=2")
    records = search(runs, tmp_path, *flags, *few, "--search_batch=2")
    assert all(0 <= record["fitness"] <= 1 for record in records)
    assert not any("scores" in record for record in records)


def test_a_damaged_reference_is_named(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    flags = (*SCORED, "--search_strategy=random")
    search(runs, tmp_path, *flags)
    (tmp_path / "reference.json").write_text(
        '{"proxies": ["params"]}', encoding="utf-8"
    )
    assert main(runs.command(tmp_path, *flags)[2:]) == 2
    error = capsys.readouterr().err
    assert "reference.json is damaged" in error
    assert error.count("\n") == 1


def test_reference_networks_that_failed_are_scored_again(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    flags = (*SCORED, "--search_strategy=random")
    small = runs.command(tmp_path, *flags, "--eval_max_memory=0.00001")[2:]
    assert main(small) == 2
    error = capsys.readouterr().err
    assert "none of 64 random networks has a score by params, flops" in error
    assert "more than --eval_max_memory=1e-05" in error
    assert error.count("\n") == 1
    records = search(runs, tmp_path, *flags)
    assert len({record["fitness"] for record in records}) > 1


def test_too_few_images_for_two_batches_are_refused(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    flags = (*SCORED, "--search_strategy=random", "--eval_proxy_batch=101")
    assert main(runs.command(tmp_path / "run", *flags)[2:]) == 2
    assert "--eval_proxy_batch=101" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_another_seed_means_other_reference_networks(runs: Runs, tmp_path: Path):
    flags = (*SCORED, "--search_strategy=random")
    kept = []
    for seed in (0, 1):
        search(runs, tmp_path / str(seed), *flags, f"--seed={seed}")
        kept.append(
            (tmp_path / str(seed) / "reference.json").read_text(encoding="utf-8")
        )
    assert kept[0] != kept[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.98765, "0.9877"), (-0.5, "-0.5000"), (3e-7, "3e-07"), (1.25e30, "1.25e+30")],
)
def test_scores_of_any_size_are_printed_short(value: float, text: str):
    assert short(value) == text
