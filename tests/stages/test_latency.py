"""Searches with latency: the table, limits and results."""

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from stages_support import Runs, ledger

from gpt_nas_jax import workdir
from gpt_nas_jax.main import main
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.blocks.timed import Timed
from gpt_nas_jax.stages import front, latency_table

SPACE = BlockSpace((8, 8, 1), 10, min_depth=2, max_depth=3, width=16, num_stages=1)
SEARCH = (
    *("--stage=search", "--search_batch=4", "--eval_proxy_batch=8"),
    *("--eval_method=zero_cost", "--eval_proxies=params"),
    "--search_strategy=random",
)
PHONE = {"device": "a phone"}


def made(seed: int = 0) -> dict[str, Any]:
    """A table with random times."""
    times = np.random.default_rng(seed).uniform(0.2, 2, len(SPACE.places())).tolist()
    return latency_table.make(SPACE, 1, PHONE, 0.1, times)


@functools.cache
def middle() -> float:
    """The limit that half of all networks meet."""
    space = Timed(SPACE, latency_table.times(made(), SPACE))
    genomes = SPACE.sample(jax.random.key(0), 500)
    return round(float(np.median(space.latency(genomes))), 3)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The file of a table measured on another device."""
    path = tmp_path / "phone.json"
    path.write_text(json.dumps(made()), encoding="utf-8")
    return path


def run(runs: Runs, path: Path, *flags: str) -> int:
    return main(runs.command(path, *flags)[2:])


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """The single line of an error."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def milliseconds(blocks: list[str]) -> float:
    """The latency of named blocks, summed from the lines of the table."""
    table = made()
    found = table["call"] + table["head"]
    for place, name in enumerate(blocks):
        (line,) = (
            line
            for line in table["blocks"]
            if (line["block"], line["first"]) == (name, not place)
        )
        found += line["ms"]
    return found


@pytest.mark.slow
def test_a_search_by_a_given_table_keeps_its_limit(
    runs: Runs, tmp_path: Path, table: Path
):
    path = tmp_path / "run"
    given = f"--eval_latency_table={table}"
    # Twelve random networks would all meet it by chance once in 4,096 times.
    limit = f"--search_max_latency={middle()}"
    assert run(runs, path, *SEARCH, given, limit) == 0
    records = ledger(path)
    assert len(records) == 12
    for record in records:
        assert record["latency"] <= middle()
        assert record["latency"] == pytest.approx(milliseconds(record["blocks"]), 1e-5)
    assert workdir.read_sealed(path / "latency.json") == made()


@pytest.mark.slow
def test_a_measured_table_is_kept_for_a_restart(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    flags = (*SEARCH, "--search_strategy=genetic", "--search_max_latency=1000")
    assert run(runs, whole, *flags) == 0
    kept = workdir.read_sealed(whole / "latency.json")
    assert len(kept["blocks"]) == 2 * SPACE.num_genes
    assert kept["machine"]["cores"] > 0
    assert all(record["latency"] > kept["call"] for record in ledger(whole))
    shutil.copytree(whole, killed)
    lines = (whole / "ledger.jsonl").read_bytes().splitlines(keepends=True)[:6]
    (killed / "ledger.jsonl").write_bytes(b"".join(lines))
    capsys.readouterr()
    assert run(runs, killed, *flags) == 0
    assert "measuring" not in capsys.readouterr().out
    assert ledger(killed) == ledger(whole)
    # On another machine it resumes only on request.
    kept["machine"]["device"] = "a phone"
    workdir.write_sealed(killed / "latency.json", kept)
    assert run(runs, killed, *flags) == 2
    error = refused(capsys)
    assert "another machine (device a phone, here cpu)" in error
    given = f"--eval_latency_table={killed / 'latency.json'}"
    assert given in error
    assert run(runs, killed, *flags, given) == 0
    # With other times it would be a different search.
    table = tmp_path / "other.json"
    table.write_text(json.dumps(made()), encoding="utf-8")
    assert run(runs, killed, *flags, f"--eval_latency_table={table}") == 2
    assert "of another latency: its table has changed" in refused(capsys)


def lose(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda table: table.pop(name)


def narrow(table: dict[str, Any]) -> None:
    table["space"]["width"] = 32


def drop_a_block(table: dict[str, Any]) -> None:
    table["blocks"] = table["blocks"][1:]


def make_negative(table: dict[str, Any]) -> None:
    table["blocks"][3]["ms"] = -1


def make_text(table: dict[str, Any]) -> None:
    table["head"] = "fast"


def put(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Changes an entry of the last line."""
    return lambda table: table["blocks"][-1].update({name: value})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        *[(lose(name), name) for name in ("space", "batch", "machine", "call")],
        (narrow, "another space (width 32, here 16)"),
        (lambda table: table.update(batch=8), "--eval_latency_batch=8"),
        (drop_a_block, "lacks ConvNormActivation in stage 0, as its first block"),
        (make_negative, "no ms from 0 on for AvgPool in stage 0"),
        (make_text, "lacks the entry head, in ms"),
        *[
            (put(name, value), "a line in its entry blocks without block, stage, first")
            for name, value in (
                *(("block", ["Conv"]), ("block", None), ("stage", "0"), ("stage", {})),
                *(("stage", True), ("first", 1), ("first", [])),
                *(
                    ("input", 8),
                    ("input", "8"),
                    ("input", None),
                    ("input", [8, [8], 1]),
                ),
            )
        ],
    ],
)
def test_a_wrong_table_is_refused_in_one_line(
    runs: Runs,
    tmp_path: Path,
    table: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[dict[str, Any]], object],
    said: str,
):
    content = json.loads(table.read_text(encoding="utf-8"))
    spoil(content)
    table.write_text(json.dumps(content), encoding="utf-8")
    given = f"--eval_latency_table={table}"
    path = tmp_path / "run"
    assert run(runs, path, *SEARCH, "--search_max_latency=9", given) == 2
    error = refused(capsys)
    assert given in error
    assert said in error
    assert not path.exists()


@pytest.mark.parametrize("text", [None, "", "[1]", "{"])
def test_an_unreadable_table_is_refused_in_one_line(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
):
    table, path = tmp_path / "table.json", tmp_path / "run"
    if text is not None:
        table.write_text(text, encoding="utf-8")
    given = f"--eval_latency_table={table}"
    assert run(runs, path, *SEARCH, "--search_max_latency=9", given) == 2
    assert str(table) in refused(capsys)
    assert not path.exists()


def test_a_limit_that_no_network_meets_is_refused_with_the_smallest(
    runs: Runs, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
):
    given = f"--eval_latency_table={table}"
    assert run(runs, tmp_path, *SEARCH, "--search_max_latency=0.01", given) == 2
    assert "the smallest network has" in refused(capsys)


@pytest.mark.slow
def test_a_run_shows_predicted_and_measured_latency(
    runs: Runs, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "run"
    flags = (
        *("--search_strategy=genetic", "--search_objectives=accuracy,latency,memory"),
        *("--retrain_pick=2", "--retrain_epochs=1", f"--eval_latency_table={table}"),
    )
    assert run(runs, path, *flags) == 0
    printed = capsys.readouterr().out
    assert "latency predicted, ms" in printed
    result = workdir.read_sealed(path / "result.json")
    assert result["latency"]["table_of"] == "a phone"
    kept = workdir.read_sealed(path / front.FILE)["networks"]
    for suffix, one in zip(("", "-2"), kept, strict=False):
        best = result[f"best{suffix}"]
        assert best["latency"] == one["latency"]
        assert best["latency"] == pytest.approx(milliseconds(best["blocks"]), 1e-5)
        assert best["memory"] == one["memory"]
        assert best["latency_measured"] > 0
    page = (path / "report.html").read_text(encoding="utf-8")
    assert f"{result['best']['latency_measured']:.4g}" in page
    # The run is complete: the same command changes no file.
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert run(runs, path, *flags) == 0
    assert before == {f: f.read_bytes() for f in path.rglob("*") if f.is_file()}
