"""Starts the processes of one run on this machine and inspects what they did."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gpt_nas_jax.main import main

# Seconds after which a process counts as deadlocked.
STUCK = 600

# Records the paths that a process changes anywhere, and those it reads below HOME.
_WATCHED = """
import json, os, sys
seen = set()
def note(event, arguments):
    if not arguments or not isinstance(arguments[0], (str, bytes, os.PathLike)):
        return
    path = os.path.abspath(os.fsdecode(arguments[0]))
    writes = event in ("os.rename", "os.remove", "os.rmdir", "os.truncate")
    if event == "os.mkdir":
        writes = not os.path.exists(path)
    if event == "open":
        writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes and path != os.devnull and not path.endswith(".pyc"):
        seen.add(f"writes {path}")
    elif event in ("open", "os.listdir", "os.scandir") and path.startswith(HOME):
        seen.add(f"reads {path}")
sys.addaudithook(note)
from gpt_nas_jax.main import main
code, found = main(sys.argv), sorted(seen)
with open(REPORT, "w", encoding="utf-8") as file:
    json.dump(found, file)
sys.exit(code)
"""

# Records the programs that a process compiles.
_COMPILING = """
import json, logging, sys
found = []
class Notes(logging.Handler):
    def emit(self, record):
        if "CACHE MISS" in record.msg:
            found.append(record.args)
logger = logging.getLogger("jax._src.compiler")
logger.setLevel(logging.DEBUG)
logger.propagate = False
logger.addHandler(Notes())
from gpt_nas_jax.main import main
code = main(sys.argv)
with open(REPORT, "w", encoding="utf-8") as file:
    json.dump(found, file)
sys.exit(code)
"""


def refusal(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    """The one-line error with which the program rejects these flags."""
    assert main(["main", "--search_strategy=random", *flags]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


def free_port() -> int:
    """A port that is not in use."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def watched(home: Path, report: Path) -> list[str]:
    """A command that runs the program and records its file accesses.

    When the program exits normally, the report lists every path it changed and the
    paths it read below ``home``.
    """
    code = f"HOME = {str(home)!r}\nREPORT = {str(report)!r}\n{_WATCHED}"
    return [sys.executable, "-c", code]


def noting_programs(report: Path) -> list[str]:
    """A command that runs the program and records what it compiles.

    When the program exits normally, the report lists names and cache keys.
    """
    return [sys.executable, "-c", f"REPORT = {str(report)!r}\n{_COMPILING}"]


def read_report(report: Path) -> list[Any]:
    found: list[Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


class Processes:
    """The processes of one run; the first one leads."""

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        count: int,
        cache: Path,
        folders: Sequence[Path | None] | None = None,
    ) -> None:
        """Starts the processes.

        Args:
          command: the command line of a process, given its index; the ``--hosts_*``
            flags are added.
          count: the number of processes.
          cache: the folder of the compiled programs.
          folders: the working directory of each process; by default the current one.
        """
        where = f"--hosts_coordinator=localhost:{free_port()}"
        folders = folders or [None] * count
        where_to = {"JAX_PLATFORMS": "cpu", "XDG_CACHE_HOME": str(cache)}
        cache.mkdir(exist_ok=True)
        shared = ("--executor=hosts", where, f"--hosts_count={count}")
        self.started = [
            subprocess.Popen(
                [*command(index), *shared, f"--hosts_index={index}"],
                env=os.environ | where_to,
                cwd=folders[index],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for index in range(count)
        ]

    def wait_for(self, moment: Callable[[], bool]) -> None:
        """Waits until ``moment()`` is true; fails if the leader ends first."""
        leader = self.started[0]
        while not moment():
            with contextlib.suppress(subprocess.TimeoutExpired):
                leader.wait(timeout=0.01)
            assert leader.poll() is None, self.end()

    def send(self, index: int, number: signal.Signals) -> None:
        self.started[index].send_signal(number)

    def end(self) -> list[tuple[int, str, str]]:
        """Waits for all processes; returns exit code, stdout and stderr of each."""
        found = []
        try:
            for process in self.started:
                out, err = process.communicate(timeout=STUCK)
                found.append((process.returncode, out, err))
        finally:
            for process in self.started:
                process.kill()
        return found
