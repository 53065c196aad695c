"""The program on a host of a slice: a connection lost while it is being installed."""

import contextlib
import dataclasses
import pathlib
import subprocess
from collections.abc import Callable

import pytest
from launchers_support import ROOT, Cloud


@dataclasses.dataclass(frozen=True)
class Host:
    """A host whose installations wait to be told how they end."""

    cloud: Cloud

    @property
    def home(self) -> pathlib.Path:
        return self.cloud.folder / "host-0"

    def connect(self) -> subprocess.Popen[str]:
        """Starts the script as a launcher does."""
        script = ROOT / "launch" / "tpu" / "worker.sh"
        command = (script, "my-slice", "tpu", "--seed=1")
        return self.cloud.start(*command, HOME=str(self.home))

    def connect_twice(self) -> list[subprocess.Popen[str]]:
        """Connects again during the installation; returns both connections."""
        first = self.connect()
        _wait_for(lambda: "uv pip" in "\n".join(self.cloud.read("installed")), first)
        second = self.connect()
        _wait_for(lambda: len(self.cloud.read("locks")) > 1, first)
        return [first, second]


def _wait_for(moment: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    while not moment():
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=0.01)
        assert running.poll() is None, running.communicate()


def _ended(connections: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """The exit code of each connection, and what it has shown."""
    shown = [one.communicate(timeout=60)[0] for one in connections]
    return [(one.returncode, out) for one, out in zip(connections, shown, strict=True)]


@pytest.fixture(params=["fresh", "kept"])
def host(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Host:
    """A fresh host, and one on which a program has ended with exit code 7."""
    made = Host(Cloud(tmp_path))
    folder = made.home / "my-slice"
    folder.mkdir(parents=True)
    empty = ("tar", "-czf", made.home / "my-slice.tgz", "--files-from=/dev/null")
    subprocess.run(empty, check=True)
    if request.param == "kept":
        ended = subprocess.Popen(["true"])
        ended.wait()
        for name, text in (("status", 7), ("pid", ended.pid), ("log", "earlier")):
            (folder / name).write_text(f"{text}\n", encoding="utf-8")
    made.cloud.write("slow", "")
    made.cloud.write("ends", 3)
    return made


def test_who_connects_during_the_installation_follows_the_program(host: Host) -> None:
    connections = host.connect_twice()
    host.cloud.write("installs", 0)
    for code, out in _ended(connections):
        assert code == 3
        assert "--seed=1" in out and "earlier" not in out
    assert host.cloud.runs() == {"host-0": 1}


def test_who_connects_installs_where_the_other_has_failed(host: Host) -> None:
    connections = host.connect_twice()
    host.cloud.write("installs", "1 1 0")
    (failed, _), (code, out) = _ended(connections)
    assert (failed, code) == (1, 3)
    assert "--seed=1" in out and "earlier" not in out
    assert host.cloud.runs() == {"host-0": 1}
