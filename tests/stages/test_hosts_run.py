"""Runs of several processes: same results as one, written by the leader alone."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from hosts_support import Processes, noting_programs, read_report, watched
from stages_support import Runs, ledger, result, weights

pytestmark = pytest.mark.slow

NOWHERE = "nowhere"
"""The name of the folders that a follower is given; it creates none."""


def start(runs: Runs, path: Path, *flags: str, count: int = 2) -> Processes:
    command = runs.command(path, *flags)
    return Processes(lambda _: command, count, runs.cache)


def finish(runs: Runs, path: Path, *flags: str, count: int = 2) -> None:
    ended = start(runs, path, *flags, count=count).end()
    assert [code for code, _, _ in ended] == [0] * count, ended


def searched(run: Path, home: Path) -> Path:
    """A copy of a run as it was before retraining."""
    path = home / "run"
    shutil.copytree(run, path)
    for name in ("retrain", "best"):
        shutil.rmtree(path / name)
    (path / "result.json").unlink()
    return path


@pytest.fixture(scope="module")
def together(
    runs: Runs, finished: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A whole uninterrupted run of two processes, the second of them watched."""
    home = tmp_path_factory.mktemp("together")
    path, report = home / "run", home / "report.json"

    def command(index: int) -> list[str]:
        if not index:
            return runs.command(path)
        flags = runs.command(home / NOWHERE, f"--train_cache_dir={home / NOWHERE}")
        return [*watched(home, report), *flags[3:]]

    ended = Processes(command, 2, runs.cache).end()
    assert [code for code, _, _ in ended] == [0, 0], ended
    (home / "outputs.txt").write_text("".join(ended[1][1:]), encoding="utf-8")
    return path


def test_two_processes_leave_what_one_leaves(
    finished: tuple[Path, str], together: Path
) -> None:
    assert ledger(together) == ledger(finished[0])
    ours, theirs = result(together), result(finished[0])
    # The retraining sums gradients in a different order.
    trained = ours.pop("retrain"), theirs.pop("retrain")
    assert trained[0]["epochs"] == trained[1]["epochs"] == 3
    assert ours == theirs
    left = {p.relative_to(together) for p in together.glob("*")}
    assert left == {p.relative_to(finished[0]) for p in finished[0].glob("*")}


def test_a_follower_neither_prints_nor_writes_nor_reads_what_the_leader_does(
    together: Path,
) -> None:
    home = together.parent
    assert (home / "outputs.txt").read_text(encoding="utf-8") == ""
    assert read_report(home / "report.json") == []
    assert not (home / NOWHERE).exists()


@pytest.mark.long
def test_two_processes_train_as_two_devices_of_one(
    runs: Runs, together: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = os.environ["XLA_FLAGS"]
    two = f"{flags} --xla_force_host_platform_device_count=2"
    monkeypatch.setenv("XLA_FLAGS", two)
    path = searched(together, tmp_path)
    runs.finish(path, "--stage=retrain")
    assert weights(path) == weights(together)


def test_retrain_flags_are_for_a_single_process(together: Path) -> None:
    flags = (together / "best" / "retrain.flags").read_text(encoding="utf-8")
    assert "--executor=local\n" in flags
    assert "--hosts_coordinator=\n" in flags


def test_a_refusal_of_the_leader_ends_all_in_one_line(
    runs: Runs, finished: tuple[Path, str]
) -> None:
    before = ledger(finished[0])
    processes = start(runs, finished[0], "--search_mutation_rate=0.7")
    ended = processes.end()
    assert [code for code, _, _ in ended] == [2, 2], ended
    assert [(out, err.count("\n")) for _, out, err in ended] == [("", 1), ("", 0)]
    assert "--search_mutation_rate is '0.7', was '0.3'" in ended[0][2]
    assert ledger(finished[0]) == before


@pytest.mark.long
def test_a_follower_without_the_images_is_named(runs: Runs, tmp_path: Path) -> None:
    """Each process reads the images itself, so each needs them."""
    folders = tmp_path / "leader", tmp_path / "follower"
    for folder in folders:
        folder.mkdir()
    labels = np.arange(200) % 10
    images = np.zeros((200, 8, 8), np.uint8)
    parts = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(folders[0] / "images.npz", **parts)
    flags = "--data_name=npz", "--data_dir=images.npz", "--stage=search"
    command = runs.command(tmp_path / "run", *flags)
    ended = Processes(lambda _: command, 2, runs.cache, folders).end()
    assert [code for code, _, _ in ended] == [2, 2], ended
    assert ended[0][2].startswith("gpt_nas_jax: process 1: ")
    assert ended[0][2].count("\n") == 1
    assert ended[1][1:] == ("", "")
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_four_processes_search_as_one(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    finish(runs, tmp_path, "--stage=search", "--search_workers=2", count=4)
    assert ledger(tmp_path) == ledger(finished[0])


@pytest.mark.long
def test_each_process_compiles_each_program_once(runs: Runs, tmp_path: Path) -> None:
    reports = [tmp_path / f"programs-{index}.json" for index in range(2)]
    flags = "--stage=search", "--search_workers=2", f"--train_cache_dir={tmp_path}/kept"
    rest = runs.command(tmp_path / "run", *flags)[3:]
    processes = Processes(
        lambda index: [*noting_programs(reports[index]), *rest], 2, runs.cache
    )
    assert [code for code, _, _ in processes.end()] == [0, 0]
    for report in reports:
        keys = [key for _, key in read_report(report)]
        assert len(keys) > 10
        assert len(set(keys)) == len(keys)


LOST = "another process of the run has ended or does not answer"


def check_end(processes: Processes, index: int, number: signal.Signals) -> None:
    """Sends a signal to one process and checks how both end."""
    processes.send(index, number)
    leader, follower = processes.end()
    if number == signal.SIGTERM:
        assert (leader[0], follower[0]) == (143, 143)
    elif index:
        assert (leader[0], follower[0]) == (75, -signal.SIGKILL)
        assert leader[2].splitlines()[-1:] == [
            f"gpt_nas_jax: {LOST}; run the same command again to resume"
        ]
    else:
        # JAX ends a process that loses its leader.
        assert leader[0] == -signal.SIGKILL
        assert follower[0] not in (0, 2)
    assert "Traceback" not in leader[2] + follower[2]


@pytest.mark.long
def test_ended_anywhere_a_search_ends_with_the_same_ledger(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    file = tmp_path / "ledger.jsonl"
    moments = {
        2: (1, signal.SIGKILL),
        4: (0, signal.SIGKILL),
        7: (1, signal.SIGTERM),
        9: (0, signal.SIGTERM),
    }
    for lines, (index, number) in moments.items():
        processes = start(runs, tmp_path, "--stage=search")
        processes.wait_for(
            lambda n=lines: file.exists() and len(file.read_bytes().splitlines()) > n
        )
        check_end(processes, index, number)
    finish(runs, tmp_path, "--stage=search")
    assert ledger(tmp_path) == ledger(finished[0])


@pytest.mark.long
def test_ended_anywhere_a_retraining_ends_with_the_same_weights(
    runs: Runs, together: Path, tmp_path: Path
) -> None:
    path = searched(together, tmp_path)

    def step() -> int:
        names = (p.name for p in (path / "retrain").glob("*/*"))
        return max((int(name) for name in names if name.isdecimal()), default=0)

    flags = "--stage=retrain", "--retrain_checkpoint_steps=3"
    for index, number in (
        (1, signal.SIGKILL),
        (0, signal.SIGKILL),
        (1, signal.SIGTERM),
        (0, signal.SIGTERM),
    ):
        before = step()
        processes = start(runs, path, *flags)
        processes.wait_for(lambda n=before: step() > n)
        check_end(processes, index, number)
        assert step() < 66
    finish(runs, path, *flags)
    assert weights(path) == weights(together)
    assert result(path)["retrain"] == result(together)["retrain"]
