"""Tables and a figure of the paper from the command line, also interrupted."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stages_support import Runs
from tables_support import lines_of

from gpt_nas_jax import workdir
from gpt_nas_jax.main import main
from gpt_nas_jax.workdir import Ledger

pytestmark = pytest.mark.slow

FIGURE = (
    "--stage=tables",
    "--tables_name=figure2",
    "--tables_networks=2",
    "--tables_rates=0,1",
    "--tables_seeds=1",
)


def go(runs: Runs, path: Path, *flags: str) -> int:
    """Runs in this process, with the shared prior."""
    return main(runs.command(path, *FIGURE, *flags)[2:])


def trainings(path: Path) -> list[dict[str, Any]]:
    """The ledger, without the entries that depend on the clock."""
    records = Ledger(path / "trainings.jsonl").read()
    clock = dict.fromkeys(("seconds", "device_seconds"))
    return [{**record, **clock} for record in records]


@pytest.fixture(scope="module")
def drawn(runs: Runs, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("figure2")
    assert go(runs, path) == 0
    return path


def test_rates_share_their_networks_and_differ_by_what_was_proposed(drawn: Path):
    lines = trainings(drawn)
    assert [(line["network"], line["rate"]) for line in lines[::2]] == [
        *((0, 0.0), (0, 1.0), (1, 0.0), (1, 1.0)),
    ]
    assert {line["trained_blocks"] for line in lines[::2]} == {"proposed"}
    for kept, filled in (lines[:4:2], lines[4::2]):
        assert len(kept["blocks"]) == len(filled["blocks"])
        assert not any(kept["proposed"])
        assert all(filled["proposed"])
    # If every block is proposed, both ways of training are the same.
    for line, other in (lines[2:4], lines[6:]):
        assert line["accuracy"] == other["accuracy"]
    assert {path.name for path in (drawn / "tables").iterdir()} == {
        *("table.md", "table.tex", "table.csv", "figure.svg", "figure.png"),
    }


def test_killed_in_a_line_it_goes_on_to_the_same_ledger(
    runs: Runs, drawn: Path, tmp_path: Path
):
    whole = (drawn / "trainings.jsonl").read_bytes()
    kept = b"".join(whole.splitlines(keepends=True)[:5])
    (tmp_path / "trainings.jsonl").write_bytes(kept + b'{"seed": 0, "netw')
    shutil.copy(drawn / "flags.txt", tmp_path)
    assert go(runs, tmp_path, "--search_workers=2") == 0
    assert (tmp_path / "trainings.jsonl").read_bytes().startswith(kept)
    assert trainings(tmp_path) == trainings(drawn)
    for name in ("table.csv", "figure.png"):
        whole = (drawn / "tables" / name).read_bytes()
        assert (tmp_path / "tables" / name).read_bytes() == whole


def test_a_control_fills_the_same_gaps_of_the_same_networks(runs: Runs, tmp_path: Path):
    flags = ("--tables_name=4", "--tables_rates=0,0.6", "--eval_schedule=constant")
    assert go(runs, tmp_path, *flags) == 0
    prior = trainings(tmp_path)
    assert go(runs, tmp_path, *flags, "--tables_controls=uniform_refill") == 0
    assert trainings(tmp_path) == prior
    control = Ledger(tmp_path / "trainings-uniform_refill.jsonl").read()
    assert [line["rate"] for line in control] == [0.6, 0.6]
    for start, ours, theirs in zip(prior[::2], prior[1::2], control, strict=True):
        assert ours["proposed"] == theirs["proposed"]
        kept = [
            (a, b)
            for a, b, gone in zip(
                start["blocks"], theirs["blocks"], theirs["proposed"], strict=True
            )
            if not gone
        ]
        assert all(a == b for a, b in kept)
    last = lines_of(tmp_path / "tables" / "table.csv")[-1]
    assert last["against"] == "uniform_refill"


def test_another_seed_is_added_behind(runs: Runs, drawn: Path, tmp_path: Path):
    for name in ("trainings.jsonl", "flags.txt"):
        (tmp_path / name).write_bytes((drawn / name).read_bytes())
    assert go(runs, tmp_path, "--tables_seeds=2") == 0
    lines = trainings(tmp_path)
    assert lines[:8] == trainings(drawn)
    assert [line["seed"] for line in lines[8:]] == [1] * 8
    assert lines[0]["genome"] != lines[8]["genome"]


def test_a_ledger_of_something_else_is_refused(
    runs: Runs, drawn: Path, tmp_path: Path, capsys
):
    records = Ledger(drawn / "trainings.jsonl").read()
    other = Ledger(tmp_path / "trainings.jsonl")
    for index in (2, 0):
        other.append(records[index])
    shutil.copy(drawn / "flags.txt", tmp_path)
    assert go(runs, tmp_path) == 2
    error = capsys.readouterr().err
    assert "trainings.jsonl:1 does not match the training" in error
    assert len(error.splitlines()) == 1


def test_table_5_measures_one_training_on_its_way(
    runs: Runs, drawn: Path, tmp_path: Path
):
    flags = ("--tables_name=5", "--tables_rates=0,0.2,0.4,0.6,0.8")
    flags += ("--eval_schedule=constant", "--tables_networks=3")
    for epochs, path in (("1,2", tmp_path / "a"), ("1,2,3", tmp_path / "b")):
        last = f"--eval_epochs={epochs[-1]}"
        assert go(runs, path, *flags, f"--tables_epochs={epochs}", last) == 0
    short, long = (
        np.array([line["accuracy"] for line in trainings(tmp_path / name)])
        for name in "ab"
    )
    assert short.shape == (3, 2)
    np.testing.assert_array_equal(short, long[:, :2])
    assert lines_of(tmp_path / "a" / "tables" / "table.csv")[-1]["seed"] == "all"


def test_table_3_runs_what_is_missing_and_then_reads_it(runs: Runs, tmp_path: Path):
    flags = ("--stage=tables", "--tables_name=3", "--search_strategy=genetic")
    flags += ("--tables_rows=genetic", "--search_generations=1", "--retrain_epochs=1")
    command = runs.command(tmp_path, *flags)[2:]
    assert main(command) == 0
    run = tmp_path / "runs" / "genetic-0"
    result = workdir.read_sealed(run / "result.json")
    (line,) = lines_of(tmp_path / "tables" / "table.csv")
    assert float(line["accuracy"]) == 100 * result["retrain"]["test_accuracy"]
    assert float(line["device_days"]) == result["search"]["seconds"] / 86400
    before = (run / "result.json").stat().st_mtime_ns
    table = (tmp_path / "tables" / "table.md").read_bytes()
    assert main(command) == 0
    assert (run / "result.json").stat().st_mtime_ns == before
    assert (tmp_path / "tables" / "table.md").read_bytes() == table
