"""Searches in separate processes on emulated object stores."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stores_support import KINDS, Server, environment, serving

import gpt_nas_jax as gnj
from gpt_nas_jax.workdir.objects import Objects

pytestmark = pytest.mark.long

SPACE = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 4)
COUNT = 12

# Sends itself a signal at the given evaluation.
SEARCH = """
import json, os, sys
import gpt_nas_jax as gnj
url, at, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
calls = []
def evaluate(genome):
    calls.append(genome)
    if len(calls) == at:
        os.kill(os.getpid(), number)
    return float(genome.sum())
space = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 4)
try:
    found = gnj.search(space, evaluate, "genetic", 12, workdir=url)
except gnj.UsageError as error:
    sys.exit(f"refused: {error}")
print(json.dumps([trial.genome.tolist() for trial in found]))
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as one, environment(one):
        yield one


@pytest.fixture
def start(server: Server, tmp_path: Path) -> Iterator[Start]:
    """Starts a search on one of several simulated machines, each with its own disk."""
    started = []

    def on(machine: str, at: int = 0, number: int = 0) -> subprocess.Popen[str]:
        arguments = (server.url("a/search"), str(at), str(number))
        process = subprocess.Popen(
            [sys.executable, "-c", SEARCH, *arguments],
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / machine)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield on
    for process in started:
        process.kill()
        process.communicate()


def whole() -> list[list[int]]:
    found = gnj.search(SPACE, lambda genome: float(genome.sum()), "genetic", COUNT)
    return [trial.genome.tolist() for trial in found]


def test_a_search_killed_at_any_candidate_goes_on(start: Start) -> None:
    for _ in range(3):
        process = start("first", 4, signal.SIGKILL)
        assert process.communicate()[0] == ""
        assert process.returncode == -signal.SIGKILL
    out, err = start("first").communicate()
    assert json.loads(out) == whole(), err


def test_a_search_that_was_suspended_too_long_does_no_harm(
    server: Server, start: Start
) -> None:
    suspended = start("first", 4, signal.SIGSTOP)
    os.waitpid(suspended.pid, os.WUNTRACED)
    url = server.url("a/search")
    refused = start("first").communicate()[1]
    assert refused.startswith(f"refused: --workdir={url} is in use by another process")
    out, err = start("second").communicate()
    assert json.loads(out) == whole(), err
    assert "taking it over if nothing happens there for 45 seconds" in err
    before = {name: Objects(url).read(name) for name in Objects(url).names()}
    suspended.send_signal(signal.SIGCONT)
    assert "another process" in suspended.communicate()[1]
    assert suspended.returncode == 1
    assert {name: Objects(url).read(name) for name in Objects(url).names()} == before
