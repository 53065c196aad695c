"""Searches with rungs, a lag, objectives and limits, interrupted and extended."""

import contextlib
import json
import signal
import subprocess
from pathlib import Path

import pytest
from stages_support import Runs, ledger

from gpt_nas_jax.main import main

pytestmark = pytest.mark.slow

FLAGS = (
    "--stage=search",
    "--data_train_limit=100",
    "--space_width=16",
    "--search_strategy=genetic",
    "--search_population=5",
    "--search_generations=4",
    "--eval_epochs=4",
    "--eval_rungs=1,2,4",
    "--eval_keep=2",
    "--eval_learning_rate=0.05",
    "--eval_warmup_epochs=0",
)
STEERED = (
    "--search_objectives=accuracy,flops",
    "--search_max_params=60000",
    "--search_lag=1",
)


@pytest.fixture(scope="module")
def whole(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted search with one worker."""
    path = tmp_path_factory.mktemp("steered") / "whole"
    runs.finish(path, *FLAGS, *STEERED)
    return path


def test_stopped_by_three_signals_a_search_of_three_workers_has_the_same_ledger(
    whole: Path, runs: Runs, tmp_path: Path
):
    def lines() -> int:
        path = tmp_path / "ledger.jsonl"
        return len(path.read_bytes().splitlines()) if path.exists() else 0

    moments = ((2, signal.SIGKILL), (7, signal.SIGINT), (12, signal.SIGTERM))
    for count, number in moments:
        process = runs.start(tmp_path, *FLAGS, *STEERED, "--search_workers=3")
        while lines() < count:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.01)
            assert process.poll() is None, process.communicate()[0]
        process.send_signal(number)
        printed, _ = process.communicate()
        killed = number == signal.SIGKILL
        assert process.returncode == (-number if killed else 128 + number), printed
        assert killed or "run the same command again to resume" in printed
    runs.finish(tmp_path, *FLAGS, *STEERED, "--search_workers=3")
    assert ledger(tmp_path) == ledger(whole)
    assert json.loads((tmp_path / "front.json").read_text(encoding="utf-8")) == (
        json.loads((whole / "front.json").read_text(encoding="utf-8"))
    )


def test_candidates_stop_at_rungs_and_keep_the_limit(whole: Path):
    lines = ledger(whole)
    for generation in range(4):
        batch = [line for line in lines if line["generation"] == generation]
        assert sorted(line["rungs"] for line in batch) == [1, 1, 1, 2, 3]
        assert sorted(len(line["accuracies"]) for line in batch) == [1, 1, 1, 2, 4]
    assert all(line["params"] <= 60000 for line in lines)
    climbs = (whole / "rungs.jsonl").read_bytes().splitlines()
    # The first line describes the machine.
    assert len(climbs) - 1 <= 4 * (5 + 2 + 1)


def test_a_finished_search_goes_on_for_more_generations(runs: Runs, tmp_path: Path):
    plain = (*FLAGS, "--search_finalists=2", "--search_finalist_epochs=2")
    runs.finish(tmp_path / "long", *plain)
    short = tmp_path / "short"
    runs.finish(short, *plain, "--search_generations=2")
    runs.finish(short, *plain)
    # Fewer generations than it has.
    fewer = runs.command(short, *plain, "--search_generations=3")
    assert main(fewer[2:]) == 2
    assert ledger(short) == ledger(tmp_path / "long")
    for name in ("finalists.jsonl", "finalists-20.jsonl"):
        assert (short / name).exists()


def test_a_search_ends_when_its_hours_are_over_and_goes_on_with_more(
    runs: Runs, tmp_path: Path
):
    runs.finish(tmp_path, *FLAGS, "--search_max_hours=1e-6")
    assert len(ledger(tmp_path)) == 5
    runs.finish(tmp_path, *FLAGS, "--search_max_hours=1e-6")
    assert len(ledger(tmp_path)) == 5
    runs.finish(tmp_path, *FLAGS)
    assert len(ledger(tmp_path)) == 20


def test_a_longer_search_by_another_schedule_is_refused(
    finished: tuple[Path, str], capfd: pytest.CaptureFixture[str]
):
    path = finished[0]
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    flags = (path / "flags.txt").read_text(encoding="utf-8").splitlines()
    more = [flag for flag in flags if not flag.startswith("--search_generations")]
    assert main(["main", *more, "--search_generations=5"]) == 2
    error = capfd.readouterr().err
    assert "--search_generations=5" in error
    assert "--search_elimination_generations" in error
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before
    fewer = [*more, "--search_generations=2"]
    assert main(["main", *fewer]) == 2
    assert "--search_generations is '2', was '3'" in capfd.readouterr().err


def test_an_extended_search_whose_first_part_was_damaged_goes_on(
    runs: Runs, tmp_path: Path
):
    runs.finish(tmp_path / "long", *FLAGS)
    short = tmp_path / "short"
    runs.finish(short, *FLAGS, "--search_generations=2")
    runs.finish(short, *FLAGS, "--search_generations=3")
    # As the message about a damaged line advises; the first line is the machine's.
    path = short / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: 1 + 8]))
    runs.finish(short, *FLAGS, "--search_generations=3")
    runs.finish(short, *FLAGS)
    assert ledger(short) == ledger(tmp_path / "long")
