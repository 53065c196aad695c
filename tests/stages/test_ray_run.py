"""Runs on a Ray cluster: the ledger of one process, whatever happens to the nodes."""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts_support import STUCK
from stages_support import Runs, ledger, result, weights

from gpt_nas_jax.executors.attempts import DEATHS

pytest.importorskip("ray", reason="needs ray, which the extra named ray installs")

pytestmark = pytest.mark.long

# A block that returns its input, but ends the process of a cluster's worker.
POISON = """
import multiprocessing, os
import flax.linen as nn

class Poison(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        if ":" in multiprocessing.current_process().name:
            os._exit(1)
        return x
"""
SEARCH = ("--stage=search", "--search_strategy=random", "--search_batch=4")


class Nodes:
    """A cluster on this machine whose nodes have one core each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes: list[Any] = []

    @property
    def address(self) -> str:
        return f"--ray_address={self._cluster.address}"

    def add(self) -> None:
        self._nodes.append(self._cluster.add_node(num_cpus=1))

    def kill(self) -> None:
        """Kills the processes of the oldest node with SIGKILL."""
        self._cluster.remove_node(self._nodes.pop(0), allow_graceful=False)

    def end(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives local runs as many threads as a worker has."""
    monkeypatch.setenv("NPROC", "1")


@pytest.fixture
def nodes(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    # Workers inherit the environment of their node.
    monkeypatch.setenv("XDG_CACHE_HOME", str(runs.cache))
    found = Nodes()
    try:
        yield found
    finally:
        found.end()


class Driver:
    """The process that leads a run."""

    def __init__(self, runs: Runs, path: Path, *flags: str) -> None:
        self._ledger, self._steps = path / "ledger.jsonl", path / "retrain"
        self.process = subprocess.Popen(
            runs.command(path, "--executor=ray", *flags),
            env=os.environ | {"XDG_CACHE_HOME": str(runs.cache)},
            cwd=runs.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, moment: Callable[[], bool]) -> None:
        """Returns once ``moment`` is true; fails if the driver ends first."""
        while not moment():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.01)
            assert self.process.poll() is None, self.process.communicate()

    def wait_for_lines(self, count: int) -> None:
        """Returns once the ledger has ``count`` evaluations."""

        def there() -> bool:
            # The first line describes the machine.
            return (
                self._ledger.exists() and self._ledger.read_bytes().count(b"\n") > count
            )

        self.wait_for(there)

    def step(self) -> int:
        """The step of the retraining's last checkpoint; 0 if there is none."""
        names = (p.name for p in self._steps.glob("*/*"))
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def end(self) -> tuple[int, str, str]:
        """Returns the exit code, standard output and standard error."""
        out, err = self.process.communicate()
        return self.process.returncode, out, err


def test_nodes_come_and_go_and_a_poisoned_candidate_fails_alone(
    runs: Runs, nodes: Nodes, tmp_path: Path
) -> None:
    (runs.home / "poison.py").write_text(POISON, encoding="utf-8")
    flags = (*SEARCH, "--seed=1", "--space_blocks=poison:Poison")
    local = subprocess.run(
        runs.command(tmp_path / "local", *flags), cwd=runs.home, capture_output=True
    )
    assert not local.returncode, local.stderr
    expected = ledger(tmp_path / "local")
    (poisoned,) = [n for n, r in enumerate(expected) if "Poison" in r["blocks"]]

    for _ in range(3):
        nodes.add()
    path = tmp_path / "run"
    driver = Driver(runs, path, *flags, nodes.address)
    driver.wait_for_lines(poisoned + 2)
    nodes.kill()
    driver.wait_for_lines(poisoned + 4)
    nodes.add()
    # The node that has joined evaluates the rest.
    nodes.kill()
    nodes.kill()
    code, out, err = driver.end()
    assert code == 0, out + err

    found = ledger(path)
    failure = found.pop(poisoned)
    assert failure["genome"] == expected.pop(poisoned)["genome"]
    assert failure["fitness"] is None
    assert failure["reason"] == (f"ended the process that evaluated it {DEATHS} times")
    assert found == expected
    # Only tables go to standard output.
    assert "raylet" not in out
    assert err.count("gpt_nas_jax: a worker was lost") >= DEATHS


RETRAIN = (
    *("--stage=retrain", "--search_strategy=random", "--retrain_genome=7,12"),
    *("--retrain_checkpoint_steps=3", "--retrain_epochs=6"),
)


def test_a_retraining_goes_on_where_its_node_was_lost_or_a_signal_ended_it(
    runs: Runs, nodes: Nodes, tmp_path: Path
) -> None:
    runs.finish(tmp_path / "local", *RETRAIN)
    path, flags = tmp_path / "run", (*RETRAIN, nodes.address)
    nodes.add()
    driver = Driver(runs, path, *flags)
    driver.wait_for(lambda: driver.step() > 0)
    nodes.add()
    nodes.kill()
    lost = driver.step()
    driver.wait_for(lambda: driver.step() > lost)
    driver.process.send_signal(signal.SIGTERM)
    code, out, err = driver.end()
    assert code == 143, out + err
    assert "Traceback" not in err

    code, out, err = Driver(runs, path, *flags).end()
    assert code == 0, out + err
    assert "training, epochs" in out
    assert weights(path) == weights(tmp_path / "local")
    (ours, theirs) = (result(p)["retrain"] for p in (path, tmp_path / "local"))
    assert ours == theirs


def of_mark(mark: str) -> list[int]:
    """The processes whose environment contains ``mark``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_driver_that_is_ended_leaves_no_process(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    mark = f"{tmp_path}-mark"
    monkeypatch.setenv("GPT_NAS_TEST", mark)
    driver = Driver(runs, tmp_path, *SEARCH, "--ray_address=local")
    driver.wait_for_lines(2)
    left = of_mark(mark)
    assert len(left) > 3
    driver.process.send_signal(number)
    code, _, err = driver.end()
    assert code == (143 if number == signal.SIGTERM else -number), err
    # Those that were being started then are waited for, too.
    while left := of_mark(mark):
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                # Readable once it has ended.
                assert select.select([os.pidfd_open(process)], [], [], STUCK)[0]
