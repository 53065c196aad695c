"""Several processes on this machine: calls, their results, failures and signals."""

import collections
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hosts_support import Processes, refusal

from gpt_nas_jax.executors import following, hosts, local, registry
from gpt_nas_jax.executors.team import Team
from gpt_nas_jax.types import Lost, UsageError

COUNT = 3

# Each process runs this module and finds the called functions by name.
MODULE = """
import dataclasses, json, os, signal, sys
import jax
import numpy as np
from jax.experimental import multihost_utils
from gpt_nas_jax import interruption
from gpt_nas_jax.config import HostsConfig
from gpt_nas_jax.executors import hosts

LEFT = []

@dataclasses.dataclass(eq=False)
class Made:
    process: int
    part: "Made | None" = None
    def __getstate__(self):
        raise TypeError("is not sent")

@dataclasses.dataclass(eq=False)
class Scale:
    made: Made
    by: float
    def __call__(self, item):
        key = jax.random.key_data(item["key"]).tolist()
        places = self.made.process, jax.process_index()
        return places, item["value"] * self.by, key

class Own(Exception):
    def __init__(self, one, two):
        super().__init__(one)

def make(value):
    print("made", flush=True)
    return Made(jax.process_index(), Made(jax.process_index()))

def breaks(item):
    if item == 2:
        raise Own("the third", 2)
    return item

def lacks(word):
    if jax.process_index() == 2:
        raise hosts.UsageError(f"no {word} here")

def fails(error):
    if jax.process_index() == 1:
        raise error

def added(value):
    return multihost_utils.process_allgather(np.int32(jax.process_index() + value))

def hangs(value):
    if jax.process_index() == 1:
        os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()

def program(name, report):
    made = hosts.everywhere(make, "x")
    found = {"made": made.process}
    if name == "calls":
        items = [{"value": 0.1 + n, "key": jax.random.key(n)} for n in range(9)]
        for by in (1.0, 1 / 3):
            scale = Scale(made.part, by)
            found[str(by)] = [list(hosts.run(scale, items, w)) for w in (1, 2)]
        found["none"] = list(hosts.run(scale, [], 1))
        found["added"] = hosts.together(added, 5).tolist()
        try:
            list(hosts.run(breaks, range(5), 1))
        except Exception as error:
            found["error"] = f"{type(error).__name__}: {error}"
        try:
            hosts.everywhere(lacks, "data")
        except hosts.UsageError as error:
            found["lacks"] = str(error)
        results = hosts.run(breaks, range(2), 1)
        found["first"] = next(results)
        results.close()
        found["again"] = list(hosts.run(breaks, range(2), 1))
        # A signal may leave one that is closed when the run has ended.
        LEFT.append(hosts.run(breaks, range(2), 1))
        next(LEFT[0])
    elif name == "alone":
        # No process gets the function, so it need not be one that can be pickled.
        items = range(3)
        found["alone"] = [list(hosts.run(lambda n: -n, items, w)) for w in (1, 2)]
    elif name == "wordless":
        try:
            hosts.everywhere(fails, OSError())
        except hosts.UsageError as error:
            print(error, flush=True)
        hosts.everywhere(fails, MemoryError())
    elif name == "lost":
        raise hosts.Lost("the device no longer computes")
    else:
        hosts.together(hangs, 0)
    with open(report, "w", encoding="utf-8") as file:
        json.dump(found, file)

def start(argv):
    name, report, _, where, count, index = argv
    values = (part.partition("=")[2] for part in (where, count, index))
    where, count, index = values
    settings = HostsConfig(where, int(count), int(index))
    try:
        with interruption.handled():
            hosts.lead(settings, lambda: program(name, report))
            for results in LEFT:
                results.close()
            print("ended", flush=True)
    except (interruption.Stopped, hosts.Lost) as stopped:
        sys.stdout.flush()
        os._exit(stopped.exit_code)
"""


def start(name: str, home: Path, count: int = COUNT) -> tuple[Processes, Path]:
    module = f"hosts_{home.name}"
    (home / f"{module}.py").write_text(MODULE, encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(home)!r}); import {module} as m; "
    command = [sys.executable, "-c", code + "m.start(sys.argv[1:])", name]
    report = home / "report.json"
    return Processes(lambda _: [*command, str(report)], count, home), report


@pytest.mark.slow
def test_processes_share_calls_and_one_alone_speaks(tmp_path: Path) -> None:
    processes, report = start("calls", tmp_path)
    ended = processes.end()
    assert [code for code, _, _ in ended] == [0] * COUNT, ended
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["made"] == 0
    for by in (1.0, 1 / 3):
        for results in found[str(by)]:
            # Results are exact in float64 and use the typed key of the item.
            assert [value for _, value, _ in results] == [
                (0.1 + n) * by for n in range(9)
            ]
            assert [key for *_, key in results] == [[0, n] for n in range(9)]
            # Each process evaluates with the object that it made itself.
            assert all(made == here for (made, here), *_ in results)
    assert found["none"] == []
    assert found["added"] == [5, 6, 7]
    # An error that cannot be pickled is sent as text.
    assert found["error"].startswith("RuntimeError: ")
    assert "Own: the third" in found["error"]
    assert found["lacks"] == "process 2: no data here"
    assert (found["first"], found["again"]) == (0, [0, 1])
    assert "made" in ended[0][1]
    assert "Traceback" not in ended[0][2]
    for _, out, err in ended[1:]:
        # The test's own code prints this, after the process has stopped following.
        assert (out, err) == ("ended\n", "")


def test_a_single_process_evaluates_all_items_itself(tmp_path: Path) -> None:
    processes, report = start("alone", tmp_path, count=1)
    ((code, *printed),) = processes.end()
    assert code == 0, printed
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found == {"made": 0, "alone": [[0, -1, -2]] * 2}


def test_a_signal_of_any_process_ends_all_as_one_of_the_leader(tmp_path: Path) -> None:
    processes, report = start("signal", tmp_path)
    ended = processes.end()
    assert [code for code, _, _ in ended] == [143] * COUNT, ended
    assert not report.exists()
    assert [(out, err) for _, out, err in ended[1:]] == [("", "")] * (COUNT - 1)


def test_an_error_without_words_is_neither_a_signal_nor_success(tmp_path: Path) -> None:
    processes, report = start("wordless", tmp_path, count=2)
    (code, out, err), follower = processes.end()
    assert (code, *follower) == (2, 2, "", ""), err
    assert not report.exists()
    assert out.endswith("process 1: OSError\n")
    assert err == (
        "gpt_nas_jax: process 1: ran out of memory: the host has none left; lower the "
        "batch size or --search_workers\n"
    )


@pytest.mark.slow
def test_where_the_leader_loses_its_device_all_can_be_started_again(
    tmp_path: Path,
) -> None:
    processes, report = start("lost", tmp_path)
    ended = processes.end()
    assert [code for code, _, _ in ended] == [75] * COUNT, ended
    assert not report.exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Lost("gone"), 75),
        (UsageError("no"), 2),
        (OSError(), 2),
        (MemoryError(), 2),
        (ValueError(), 1),
    ],
)
def test_an_error_has_the_exit_code_of_the_command_line(
    error: Exception, code: int
) -> None:
    assert following.exit_code(error) == code


class Store:
    """The key-value store of JAX's coordination service, for one process."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.counts: dict[str, int] = collections.defaultdict(int)
        self.changed = threading.Condition()

    def key_value_set_bytes(self, key: str, value: bytes) -> None:
        with self.changed:
            self.values[key] = value
            self.changed.notify_all()

    def blocking_key_value_get_bytes(self, key: str, milliseconds: int) -> bytes:
        with self.changed:
            assert self.changed.wait_for(lambda: key in self.values, milliseconds / 1e3)
            return self.values[key]

    def key_value_increment(self, key: str, number: int) -> int:
        with self.changed:
            self.counts[key] += number
            return self.counts[key]

    def key_value_delete(self, key: str) -> None:
        self.values.pop(key, None)
        self.counts.pop(key, None)


def test_a_message_counts_as_heard_although_another_was_said_since() -> None:
    store = Store()
    leader, follower = (Team(store, index, 2) for index in range(2))
    first = leader.say(b"first")
    assert not leader.heard(first, 0)
    follower.add(f"heard/{first}", 1)
    second = leader.say(b"second")
    assert leader.heard(first, 0)
    assert not leader.heard(second, 0)
    follower.add(f"heard/{second}", 1)
    assert leader.heard(second, 0)
    assert leader.heard(second, 0)
    # Nothing is kept that all have heard.
    assert not store.values and not any(store.counts.values())


class Negative:
    """A function that calls another one when it is sent."""

    def __init__(self, when_sent: Callable[[], object]) -> None:
        self.when_sent = when_sent

    def __call__(self, item: int) -> int:
        return -item

    def __reduce__(self) -> tuple[type["Negative"], tuple[None]]:
        self.when_sent()
        return Negative, (None,)


def test_threads_that_share_a_function_send_it_before_they_refer_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store()
    leader, follower = (following.Mate(Team(store, index, 2)) for index in range(2))
    monkeypatch.setattr(hosts._Here, "mate", leader)
    found = []

    def evaluate() -> None:
        found.append([*hosts.run(function, range(3), 1)])

    other = threading.Thread(target=evaluate)

    def meanwhile() -> None:
        other.start()
        # It may have to wait until this thread has sent the function.
        other.join(0.2)

    function = Negative(meanwhile)
    evaluate()
    other.join()
    assert found == [[0, -1, -2]] * 2
    for number in range(2):
        _, (sent, *_) = follower.common.loads(store.values[f"said/{number}"])
        assert follower.functions.received(sent)(3) == -3


def test_one_process_alone_is_refused() -> None:
    assert registry.find("hosts") is hosts.run
    with pytest.raises(UsageError, match="from the command line or"):
        next(hosts.run(abs, [1], 1))


def test_without_other_processes_calls_are_plain() -> None:
    assert hosts.everywhere(divmod, 7, 2) == hosts.together(divmod, 7, 2) == (3, 1)
    assert not hosts.follows()
    assert [*local.run(abs, [-1], 1)] == [1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--executor=hosts",), "--executor=hosts cannot join the other processes"),
        (("--hosts_count=2", "--executor=hosts"), "need --hosts_coordinator"),
        (
            ("--hosts_coordinator=here", "--hosts_count=2", "--hosts_index=0"),
            "must be host:port",
        ),
        (
            ("--hosts_coordinator=a:1", "--hosts_count=2", "--hosts_index=2"),
            "--hosts_index from 0 to one less; they are 2 and 2",
        ),
        (
            ("--hosts_coordinator=a:1", "--hosts_count=1", "--hosts_index=0"),
            "--hosts_index=0 need --executor=hosts",
        ),
    ],
)
def test_processes_that_cannot_be_joined_are_refused(
    flags: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refusal(capsys, *flags)
