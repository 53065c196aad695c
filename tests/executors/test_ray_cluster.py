"""Runs whose workers are lost or cannot start, with a fake Ray that plans it."""

import contextlib
import dataclasses
import itertools
import multiprocessing
import os
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs ray, which the extra named ray installs")

from ray import exceptions

from gpt_nas_jax.config import RayConfig
from gpt_nas_jax.executors import machine, ray, ray_cluster
from gpt_nas_jax.executors.ray_worker import Worker, share_of_cores
from gpt_nas_jax.types import Lost, UsageError

ADDRESS = "10.0.0.7"
REASON = "JAX sees no GPU"


def no_gpu() -> Exception:
    """Ray's error if a method of a worker fails."""
    text = f"ray::_Actor.begin() (pid=1, ip={ADDRESS}, actor_id=2)"
    return exceptions.RayTaskError("begin", text, UsageError(REASON))


def no_package() -> Exception:
    """Ray's error if a worker cannot be created."""
    cause = ModuleNotFoundError(REASON)
    text = f"ray::_Actor.__init__() (pid=1, ip={ADDRESS}, actor_id=2)\n{REASON}"
    return exceptions.ActorDiedError(exceptions.RayTaskError("init", text, cause))


@dataclasses.dataclass(frozen=True)
class Plan:
    """The fate of a worker.

    Attributes:
      refused: makes the error with which it does not start.
      lost: whether it is lost before its first item.
    """

    refused: Callable[[], Exception] | None = None
    lost: bool = False


GOOD, LOST = Plan(), Plan(lost=True)


class Method:
    """A method of a remote worker."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.remote = function


class FakeRay:
    """The parts of Ray that a cluster uses; workers start before any ends a call."""

    exceptions = exceptions
    ObjectRef = int

    def __init__(self, plans: Iterator[Plan]) -> None:
        self.plans = plans
        self._values: dict[int, Any] = {}
        self._calls: set[int] = set()
        self._numbers = itertools.count()

    def put(self, value: Any) -> int:
        number = next(self._numbers)
        self._values[number] = value
        return number

    def get(self, ref: int) -> Any:
        if isinstance(self._values[ref], Exception):
            raise self._values[ref]
        return self._values[ref]

    def wait(
        self, refs: list[int], num_returns: int = 1, timeout: float | None = None
    ) -> tuple[list[int], list[int]]:
        refs = sorted(refs, key=self._calls.__contains__)
        return refs[:num_returns], refs[num_returns:]

    def kill(self, actor: Any) -> None:
        pass

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": "node", "Alive": True, "Resources": {"CPU": 64}}]

    def remote(self, kind: type) -> Any:
        return types.SimpleNamespace(
            options=lambda **_: types.SimpleNamespace(remote=self._started)
        )

    def _started(self, *_: Any) -> Any:
        plan = next(self.plans)
        gone = exceptions.ActorDiedError() if plan.lost else None
        begun = plan.refused() if plan.refused else "node"

        def call(common: Any, function: tuple[int, int], item: Any) -> int:
            ref = self.put(gone or (self.get(function[1])(item), None))
            self._calls.add(ref)
            return ref

        return types.SimpleNamespace(
            begin=Method(lambda: self.put(begun)),
            prepare=Method(lambda common: self.put(gone)),
            call=Method(call),
        )


@pytest.fixture
def lead(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Evaluates as many items as asked for by workers with the given plans."""

    def start(items: int, workers: int, *plans: Plan, then: Plan) -> list[int]:
        fake = FakeRay(itertools.chain(plans, itertools.repeat(then)))
        for module in (ray, ray_cluster):
            monkeypatch.setattr(module, "ray", fake)
        monkeypatch.setattr(ray_cluster, "_REFUSED_SECONDS", -100)
        settings = RayConfig(device="cpu", workers=workers)
        cluster = ray_cluster.Cluster(settings, 1)
        monkeypatch.setattr(ray._Here, "cluster", cluster)
        return list(ray.run(abs, range(items), 1))

    return start


def test_workers_that_are_lost_with_one_node_do_not_end_the_run(
    lead: Callable[..., list[int]],
) -> None:
    assert lead(40, 20, *[LOST] * 16, then=GOOD) == [*range(40)]


def test_workers_that_are_lost_again_and_again_end_the_run(
    lead: Callable[..., list[int]],
) -> None:
    with pytest.raises(Lost, match="workers were lost 10 times in a row"):
        lead(2, 2, then=LOST)


@pytest.mark.parametrize("refused", [no_gpu, no_package])
def test_a_node_that_cannot_start_workers_does_not_end_a_run_that_has_others(
    lead: Callable[..., list[int]],
    capsys: pytest.CaptureFixture[str],
    refused: Callable[[], Exception],
) -> None:
    plans = GOOD, *[Plan(refused)] * 3
    assert lead(8, 4, *plans, then=GOOD) == [*range(8)]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(f"node {ADDRESS} cannot start a worker" in line for line in lines)
    assert all(REASON in line for line in lines)


@pytest.mark.parametrize("refused", [no_gpu, no_package])
def test_a_run_ends_where_no_worker_can_start(
    lead: Callable[..., list[int]], refused: Callable[[], Exception]
) -> None:
    with pytest.raises(UsageError, match=REASON):
        lead(8, 4, then=Plan(refused))
    # Once one has begun, the nodes that could start others may come back.
    with pytest.raises(Lost, match="10 times in a row"):
        lead(8, 4, LOST, then=Plan(refused))


@pytest.mark.parametrize(
    ("cores", "devices", "amount", "share"),
    [
        (96, 8, 1, 12),
        (96, 8, 1 / 2, 6),
        (96, 1, 1 / 3, 32),
        (96, 8, 8, 96),
        (2, 8, 1, 1),
        (8, 0, 1, 8),
    ],
)
def test_workers_of_a_node_share_its_cores(
    cores: int, devices: float, amount: float, share: int
) -> None:
    assert share_of_cores(cores, devices, amount) == share


@pytest.mark.parametrize("given", [None, "7"])
def test_a_worker_limits_its_threads_unless_the_user_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str | None
) -> None:
    # These are undone, whatever the worker sets.
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(multiprocessing.current_process(), "name", "test")
    monkeypatch.setenv("NPROC", given or "")
    if given is None:
        monkeypatch.delenv("NPROC")
    # This machine may have no GPU.
    with contextlib.suppress(UsageError):
        Worker(print, "gpu", 1, str(tmp_path)).enter("node", devices=2)
    assert os.environ["NPROC"] == (given or str(max(1, machine.cores() // 2)))
