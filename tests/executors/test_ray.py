"""Workers of a Ray cluster: calls, their results and failures."""

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import pytest
from hosts_support import refusal

from gpt_nas_jax import executors
from gpt_nas_jax.config import RayConfig
from gpt_nas_jax.executors import registry
from gpt_nas_jax.main import main
from gpt_nas_jax.types import Lost, UsageError

# Workers import it by name, as they import users' modules.
MODULE = """
import dataclasses, os
import jax
from gpt_nas_jax.types import Lost

made = []

def make(value):
    made.append(value)

@dataclasses.dataclass(eq=False)
class Scale:
    by: float
    def __call__(self, item):
        key = jax.random.key_data(item["key"]).tolist()
        return item["value"] * self.by, key, os.getpid(), list(made), id(self)

class Own(Exception):
    def __init__(self, one, two):
        super().__init__(one)

def breaks(item):
    if item == 2:
        raise ValueError("the third")
    if item == 4:
        raise Own("the fifth", 2)
    return item

def sees(name):
    return os.environ.get(name), jax.default_backend(), os.getcwd()

@dataclasses.dataclass
class LosesDevice:
    # Fails in the first process, and in every one that has failed before.
    home: str
    def __call__(self, item):
        with open(os.path.join(self.home, "lost"), "a+") as file:
            file.seek(0)
            lost = file.read().split()
            if not lost or str(os.getpid()) in lost:
                file.write(f"{os.getpid()} ")
                raise Lost("the device no longer computes")
        return item

def ends(word):
    os._exit(1)

def lacks(word):
    raise ValueError(f"no {word} here")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module in the folder in which the program is started."""
    name = f"ray_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return __import__(name)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster whose only node has two cores and claims a GPU."""
    pytest.importorskip("ray", reason="needs ray, which the extra named ray installs")
    from ray.cluster_utils import Cluster

    before, os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get(GPUS), "0"
    node = {"num_cpus": 2, "num_gpus": 1, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args=node)
    try:
        yield found.address
    finally:
        found.shutdown()
        del os.environ[GPUS]
        if before is not None:
            os.environ[GPUS] = before


GPUS = "CUDA_VISIBLE_DEVICES"


def lead(settings: RayConfig, program: Callable[[Any], object]) -> None:
    """Calls a program with the executor while that leads a cluster."""
    ray = registry.require_ray()
    ray.lead(settings, 1, lambda: program(ray))


@pytest.mark.long
def test_workers_share_calls(module: ModuleType, cluster: str) -> None:
    def program(ray: Any) -> None:
        assert ray.everywhere(module.make, "before") is None
        assert ray.everywhere(divmod, 7, 2) == (3, 1)
        items = [{"value": 0.1 + n, "key": jax.random.key(n)} for n in range(9)]
        run = registry.find("ray")
        for by in (1.0, 1 / 3):
            function, seen = module.Scale(by), set()
            for _ in range(2):
                found = list(run(function, items, 1))
                assert [f[0] for f in found] == [(0.1 + n) * by for n in range(9)]
                assert [f[1] for f in found] == [[0, n] for n in range(9)]
                assert all(f[3] == ["before"] for f in found)
                seen |= {f[2:3] + f[4:] for f in found}
            # The function was sent once to each worker.
            assert 1 <= len(seen) <= 2
            assert os.getpid() not in {process for process, _ in seen}
        assert list(run(module.Scale(1.0), [], 1)) == []

        results = run(module.breaks, range(5), 1)
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="the third"):
            next(results)
        # An error that cannot be pickled is sent as text.
        with pytest.raises(Exception, match="the fifth"):
            list(run(module.breaks, [4], 1))
        results = run(module.breaks, range(2), 1)
        assert next(results) == 0
        results.close()
        assert list(run(module.breaks, range(2), 1)) == [0, 1]

        assert ray.at_worker(module.sees, GPUS) == ("", "cpu", os.getcwd())
        assert ray.sharers(1) == 2
        ray.everywhere(module.make, "after")
        assert next(run(module.Scale(1.0), items, 1))[3] == ["before", "after"]
        # One worker that has the whole node replaces them.
        assert ray.together(module.sees, GPUS)[0] == ""
        with pytest.raises(UsageError, match="cannot send a part of the run"):
            list(run(functools.partial(print, threading.Lock()), [1], 1))

    lead(RayConfig(address=cluster, device="cpu"), program)
    with pytest.raises(UsageError, match="from the command line or"):
        list(registry.find("ray")(abs, [1], 1))


@pytest.mark.long
def test_a_worker_that_loses_its_device_is_replaced(
    module: ModuleType,
    cluster: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def program(ray: Any) -> None:
        run, loses = registry.find("ray"), module.LosesDevice(str(tmp_path))
        assert list(run(loses, range(6), 1)) == [*range(6)]
        lost = (tmp_path / "lost").read_text(encoding="utf-8").split()
        assert len(set(lost)) == len(lost)

    lead(RayConfig(address=cluster, device="cpu"), program)
    shown = capsys.readouterr().err
    assert "a worker was lost (the device no longer computes)" in shown


@pytest.mark.long
def test_workers_that_never_get_ready_end_the_run(
    module: ModuleType, cluster: str
) -> None:
    def program(ray: Any) -> None:
        ray.by_workers(module.ends, "now")
        with pytest.raises(Lost, match="workers were lost 10 times in a row while"):
            list(registry.find("ray")(abs, [1, 2], 1))

    lead(RayConfig(address=cluster, device="cpu"), program)


@pytest.mark.long
def test_a_worker_whose_jax_has_no_gpu_is_refused(
    module: ModuleType, cluster: str
) -> None:
    with pytest.raises(UsageError, match=r"JAX sees no GPU on .*--ray_device=cpu"):
        lead(
            RayConfig(address=cluster), lambda ray: list(ray.run(module.sees, "ab", 1))
        )


@pytest.mark.long
def test_a_node_that_cannot_start_workers_does_not_end_the_run(
    module: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("ray", reason="needs ray, which the extra named ray installs")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=head)

    def program(ray: Any) -> None:
        assert list(ray.run(abs, [-1], 1)) == [1]
        # Its workers cannot import JAX.
        monkeypatch.setenv("JAX_ENABLE_X64", "neither")
        nodes.add_node(num_cpus=1)
        monkeypatch.delenv("JAX_ENABLE_X64")
        while "cannot start a worker" not in capsys.readouterr().err:
            assert list(ray.run(abs, range(8), 1)) == [*range(8)]

    try:
        lead(RayConfig(address=nodes.address, device="cpu"), program)
    finally:
        nodes.shutdown()


@pytest.mark.long
def test_where_there_is_no_cluster_one_line_says_so(
    cluster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--executor=ray", "--search_strategy=random", "--ray_address=localhost:1")
    assert main(["main", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("gpt_nas_jax: --ray_address=localhost:1: ")
    assert error.count("\n") == 1


def test_without_ray_the_executor_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gpt_nas_jax.executors.ray", None)
    # Another test may have imported it.
    monkeypatch.delattr(executors, "ray", raising=False)
    assert "gpt_nas_jax[ray]" in refusal(capsys, "--executor=ray")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--ray_workers=2",), "--ray_workers=2 needs --executor=ray"),
        (("--executor=ray", "--ray_address=ray://a:1"), "by `ray job submit`"),
        (
            ("--executor=ray", "--ray_device=tpu", "--search_workers=2"),
            "a TPU chip belongs to one worker",
        ),
        (("--executor=ray", "--workdir=gs://bucket/run"), "search by --stage=search"),
    ],
)
def test_contradictions_are_refused_before_ray_starts(
    flags: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refusal(capsys, *flags)
