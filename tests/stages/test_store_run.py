"""Whole runs on stores, killed and resumed on machines with empty disks."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from stages_support import Runs, ledger, result
from stores_support import KINDS, Server, environment, serving

import gpt_nas_jax as gnj
from gpt_nas_jax import workdir
from gpt_nas_jax.workdir import lease
from gpt_nas_jax.workdir.objects import Objects

pytestmark = pytest.mark.long


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as one, environment(one):
        yield one


class Machines:
    """Machines that share a store and, to save time, compiled programs."""

    def __init__(self, runs: Runs, server: Server, home: Path) -> None:
        self.runs = runs
        self.home = home
        self.url = server.url("a/run")
        self.objects = Objects(self.url)

    def start(self, machine: str) -> subprocess.Popen[str]:
        cache = f"--train_cache_dir={self.runs.cache / 'gpt_nas_jax'}"
        command = self.runs.command(Path(), "--prior_dir=", cache)
        disk = {"XDG_CACHE_HOME": str(self.home / machine), "JAX_PLATFORMS": "cpu"}
        return subprocess.Popen(
            [*command, f"--workdir={self.url}"],
            env=os.environ | disk,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, machine: str) -> tuple[int, str, str]:
        process = self.start(machine)
        out, err = process.communicate()
        return process.returncode, out, err

    def lines(self) -> int:
        return len(self.objects.names(".store/lines/ledger.jsonl"))

    def trains(self) -> bool:
        """Whether the store has a checkpoint of the retraining."""
        files = lease.latest(self.objects).files
        return any(name.startswith("retrain/") and "/22/" in name for name in files)


def wait_for(process: subprocess.Popen[str], moment: Callable[[], bool]) -> None:
    while not moment():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
        assert process.poll() is None, process.communicate()


def kill(process: subprocess.Popen[str], number: signal.Signals) -> int:
    process.send_signal(number)
    process.communicate()
    return process.returncode


def test_a_run_on_a_store_goes_on_anywhere_and_ends_as_one_in_a_folder(
    runs: Runs, finished: tuple[Path, str], server: Server, tmp_path: Path
) -> None:
    machines = Machines(runs, server, tmp_path)
    process = machines.start("first")
    wait_for(process, lambda: machines.lines() >= 2)
    # Only one process runs, whichever machine another is started on.
    for machine, lines in (("first", 1), ("second", 2)):
        code, _, err = machines.end(machine)
        assert (code, err.count("\n")) == (2, lines), err
        assert f"--workdir={machines.url} is in use by another process" in err
    kill(process, signal.SIGKILL)
    # The machine of the killed process knows that it is dead.
    process = machines.start("first")
    wait_for(process, lambda: machines.lines() >= 7)
    kill(process, signal.SIGKILL)
    process = machines.start("second")
    wait_for(process, machines.trains)
    assert kill(process, signal.SIGTERM) == 143
    code, out, err = machines.end("third")
    assert code == 0, err
    assert f"flags to train it again: {machines.url}/best" in out
    assert str(tmp_path) not in out
    assert err == ""
    check(machines, finished[0])


def check(machines: Machines, finished: Path) -> None:
    """Checks that a run on a store is complete and equals one in a folder."""
    before = set(machines.objects.names())
    assert {"flags.txt", "ledger.jsonl", "report.html", "result.json"} <= before
    assert machines.end("fourth")[0] == 0
    after = set(machines.objects.names())
    states = {name for name in before ^ after if name.startswith(".store/states/")}
    assert before ^ after == states
    with workdir.fetched(machines.url, writes=False) as path:
        assert ledger(path) == ledger(finished)
        assert result(path) == result(finished)
        again = (path / "best" / "retrain.flags").read_text(encoding="utf-8")
        assert f"--workdir={machines.url}-retrained\n" in again
    mine, theirs = gnj.load(machines.url), gnj.load(finished)
    jax.tree.map(np.testing.assert_array_equal, mine.network[1], theirs.network[1])
