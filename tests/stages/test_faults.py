"""Faults of every kind: refused in one line, or without effect on the result."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stages_support import Runs, ledger, result

from gpt_nas_jax.main import main
from gpt_nas_jax.workdir import Ledger

pytestmark = pytest.mark.slow

RETRAIN = ("--stage=retrain", "--search_strategy=random", "--retrain_genome=7,12")


def stamps(path: Path) -> dict[str, tuple[int, int]]:
    """The modification time and inode of every file."""
    return {
        file.relative_to(path).as_posix(): (file.stat().st_mtime_ns, file.stat().st_ino)
        for file in path.rglob("*")
        if file.is_file()
    }


def line_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The single line that a refused command printed."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


def test_a_finished_run_that_is_started_again_touches_nothing(
    runs: Runs, finished: tuple[Path, str]
) -> None:
    before = stamps(finished[0])
    assert main(runs.command(finished[0])[2:]) == 0
    assert stamps(finished[0]) == before


def test_a_diverged_training_is_no_success(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rate rises during the first epoch, so the first steps are finite."""
    flags = ("--retrain_learning_rate=1e6", "--retrain_checkpoint_steps=1")
    command = runs.command(tmp_path, *RETRAIN, *flags)[2:]
    for _ in range(2):
        assert main(command) == 2
        line = line_of(capsys)
        assert "diverged" in line
        assert "--retrain_learning_rate" in line
        assert not (tmp_path / "result.json").exists()
        assert not (tmp_path / "best" / "weights").exists()
    (kept,) = (tmp_path / "retrain").glob("*/[0-9]*")
    assert f"the checkpoint of step {kept.name} is kept" in line
    # The flagfile for a retry exists.
    assert (tmp_path / "best" / "retrain.flags").exists()


@pytest.mark.long
def test_a_diverged_prior_is_no_success(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (
        "--stage=pretrain",
        "--prior_learning_rate=1e30",
        f"--prior_dir={tmp_path}",
    )
    assert main(runs.command(tmp_path / "run", *flags)[2:]) == 2
    assert "--prior_learning_rate" in line_of(capsys)
    assert not (tmp_path / "run" / "prior.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def damaged(path: Path, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(home: Path) -> None:
        (file,) = home.glob(str(path))
        file.write_bytes(change(file.read_bytes()))

    return damage


def doubled(content: bytes) -> bytes:
    """All lines twice, each with a checksum that the program wrote."""
    return content + content


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "an empty file of the search's state": (
        damaged(Path("search/3/manifest.ocdbt"), lambda content: b""),
        "search/3/manifest.ocdbt is damaged",
    ),
    "an empty state": (
        lambda home: (shutil.rmtree(home / "search/3"), (home / "search/3").mkdir()),
        "search/3/checksums.json is damaged",
    ),
    "a flipped bit of the trained network": (
        damaged(Path("retrain/*/66/manifest.ocdbt"), lambda c: c[:9] + b"#" + c[10:]),
        "manifest.ocdbt is damaged",
    ),
    "binary flags": (
        damaged(Path("flags.txt"), lambda content: bytes(range(256))),
        "flags.txt is missing or damaged",
    ),
    "no flags": (
        lambda home: (home / "flags.txt").unlink(),
        "flags.txt is missing or damaged",
    ),
    "an edited fitness": (
        damaged(
            Path("ledger.jsonl"),
            lambda c: c.replace(b'"fitness": 0.', b'"fitness": 1.', 1),
        ),
        "ledger.jsonl:2 is damaged",
    ),
    "lines twice": (
        damaged(Path("ledger.jsonl"), doubled),
        "ledger.jsonl:14 is damaged",
    ),
    "a line of something else": (
        damaged(Path("ledger.jsonl"), lambda content: content + b"[1, 2]\n"),
        "ledger.jsonl:14 is damaged",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_refused_in_one_line_with_the_path(
    runs: Runs,
    finished: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    message: str,
) -> None:
    path = tmp_path / "run"
    shutil.copytree(finished[0], path)
    damage(path)
    before = stamps(path)
    assert main(runs.command(path)[2:]) == 2
    line = line_of(capsys)
    assert message in line
    assert str(path) in line
    after = stamps(path)
    # These files name the workdir, which is not that of the original.
    for found in (before, after):
        for name in ("best/retrain.flags", "flags.txt", "report.html"):
            found.pop(name, None)
    assert after == before


def test_evaluations_beyond_the_search_are_refused(
    runs: Runs,
    finished: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Even with valid checksums; so are evaluations in the wrong order."""
    path = tmp_path / "run"
    shutil.copytree(finished[0], path)
    records = Ledger(path / "ledger.jsonl").read()
    for stage in ("all", "search", "retrain"):
        with contextlib.suppress(FileNotFoundError):
            (path / "ledger.jsonl").unlink()
        more = Ledger(path / "ledger.jsonl")
        for record in [*records, records[0]]:
            more.append(record)
        assert main(runs.command(path, f"--stage={stage}")[2:]) == 2
        assert "ledger.jsonl:13 is one evaluation more than the 12" in line_of(capsys)
    (path / "ledger.jsonl").unlink()
    swapped = Ledger(path / "ledger.jsonl")
    for record in [records[1], records[0], *records[2:]]:
        swapped.append(record)
    assert main(runs.command(path)[2:]) == 2
    assert (
        "ledger.jsonl:1 is not the evaluation of generation 0, candidate 0"
        in line_of(capsys)
    )


def test_a_search_goes_on_without_its_state(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    """The strategy is told all lines again; deleted ones are evaluated again."""
    for lines, state in ((12, False), (5, True)):
        path = tmp_path / str(lines)
        shutil.copytree(finished[0], path)
        if not state:
            shutil.rmtree(path / "search")
        content = (path / "ledger.jsonl").read_bytes().splitlines(keepends=True)
        # The first line describes the machine.
        (path / "ledger.jsonl").write_bytes(b"".join(content[: 1 + lines]))
        assert main(runs.command(path, "--stage=search")[2:]) == 0
        assert ledger(path) == ledger(finished[0])


@pytest.mark.parametrize("part", ["best/weights/manifest.ocdbt", "result.json"])
def test_the_delivered_network_is_made_whole_again(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path, part: str
) -> None:
    path = tmp_path / "run"
    shutil.copytree(finished[0], path)
    (path / part).write_bytes(b"")
    assert main(runs.command(path)[2:]) == 0
    assert result(path) == result(finished[0])
    assert (path / part).stat().st_size


def test_a_run_on_another_machine_says_so_once(
    runs: Runs,
    finished: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "flags.txt").write_bytes((finished[0] / "flags.txt").read_bytes())
    whole = Ledger(finished[0] / "ledger.jsonl")
    records, (here,) = whole.read(), whole.machines
    elsewhere = {**here, "cores": 96}
    begun = Ledger(tmp_path / "ledger.jsonl", elsewhere)
    for record in records[:5]:
        begun.append(record)
    command = runs.command(tmp_path, "--stage=search")[2:]
    assert main(command) == 0
    assert f"cores {here['cores']}, was 96" in line_of(capsys)
    after = Ledger(tmp_path / "ledger.jsonl")
    assert len(after.read()) == 12
    assert after.machines == [elsewhere, here]
    assert main(command) == 0
    assert capsys.readouterr().err == ""


def test_flags_may_be_corrected_where_no_candidate_could_be_trained(
    runs: Runs,
    finished: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(runs.command(tmp_path, "--eval_max_memory=0.0001")[2:]) == 2
    line = line_of(capsys)
    needed = float(line.partition("needs about ")[2].partition(" GiB")[0])
    assert needed > 0.0001
    assert main(runs.command(tmp_path, "--stage=search")[2:]) == 0
    assert ledger(tmp_path) == ledger(finished[0])


def test_the_memory_limit_may_be_raised_midway(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Failures stay in the ledger; the new limit applies to later candidates."""
    flags = ("--stage=search", "--search_strategy=random", "--search_batch=12")
    assert main(runs.command(tmp_path / "whole", *flags)[2:]) == 0
    whole = ledger(tmp_path / "whole")
    sizes = sorted(record["params"] for record in whole)
    limit = "--eval_max_memory=0.002"
    assert main(runs.command(tmp_path / "run", *flags, limit)[2:]) == 0
    capsys.readouterr()
    failed = ledger(tmp_path / "run")
    reasons = {record["reason"] for record in failed} - {None}
    assert 0 < len(reasons) < len(sizes)
    assert all("more than --eval_max_memory=0.002" in reason for reason in reasons)
    content = (tmp_path / "run" / "ledger.jsonl").read_bytes()
    kept = content.splitlines(keepends=True)[: 1 + 6]
    (tmp_path / "run" / "ledger.jsonl").write_bytes(b"".join(kept))
    assert main(runs.command(tmp_path / "run", *flags)[2:]) == 0
    assert re.search(r"max_memory \d+\.\d+, was 0.002", line_of(capsys))
    assert ledger(tmp_path / "run") == failed[:6] + whole[6:]


def started(runs: Runs, path: Path, *flags: str) -> subprocess.Popen[str]:
    """Starts a run and waits until it begins to train its network."""
    process = runs.start(path, *RETRAIN, "--retrain_checkpoint_epochs=9", *flags)
    for line in process.stdout:
        if line.startswith("training, epochs"):
            return process
    raise AssertionError(process.wait())


@pytest.mark.parametrize(
    ("number", "code"),
    [("SIGTERM", 143), pytest.param("SIGHUP", 129, marks=pytest.mark.long)],
)
def test_a_signal_saves_the_step(
    runs: Runs, tmp_path: Path, number: str, code: int
) -> None:
    process = started(runs, tmp_path)
    process.send_signal(signal.Signals[number])
    printed, _ = process.communicate()
    assert process.returncode == code, printed
    assert "gpt_nas_jax: stopped; run the same command again to resume" in printed
    assert "Traceback" not in printed
    (saved,) = (tmp_path / "retrain").glob("*/[0-9]*")
    assert 0 < int(saved.name) < 66
    runs.finish(tmp_path, *RETRAIN)
    runs.finish(tmp_path.with_name("whole"), *RETRAIN)
    assert result(tmp_path) == result(tmp_path.with_name("whole"))


def test_a_second_interrupt_ends_a_run_without_a_traceback(
    runs: Runs, tmp_path: Path
) -> None:
    """Both signals arrive while the first step is compiling."""
    process = started(runs, tmp_path, "--retrain_ema=0.5")
    process.send_signal(signal.SIGINT)
    for line in process.stdout:
        if "a second signal" in line:
            break
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in printed
    # The first signal alone would let the step end, and say so.
    assert "stopped; run the same command again to resume" not in printed


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_every_json_file_is_strict(finished: tuple[Path, str]) -> None:
    files = [*finished[0].rglob("*.json")]
    assert len(files) > 4
    for file in files:
        strict(file.read_text(encoding="utf-8"))
    for line in (finished[0] / "ledger.jsonl").read_text(encoding="utf-8").splitlines():
        strict(line)
    best = strict(
        (finished[0] / "best" / "architecture.json").read_text(encoding="utf-8")
    )
    assert np.isfinite(best["mean"]).all()
