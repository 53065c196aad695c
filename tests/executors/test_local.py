"""The executor on the devices of this process."""

import os
import pathlib
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator

import jax
import pytest

from gpt_nas_jax.executors import local
from gpt_nas_jax.workdir import Ledger

DEVICES = jax.local_device_count()
# Seconds after which a test counts as deadlocked.
STUCK = 60


def test_results_keep_the_order_of_the_items():
    finished = []
    done = [threading.Event() for _ in range(4)]

    def after_the_next(item: int) -> int:
        # Items end in reverse order: each one waits for the next.
        assert item == 3 or done[item + 1].wait(STUCK)
        finished.append(item)
        done[item].set()
        return item * item

    assert [*local.run(after_the_next, range(4), 4)] == [0, 1, 4, 9]
    assert finished == [3, 2, 1, 0]


def test_a_result_comes_before_later_ones_are_there():
    taken = threading.Event()

    def second_waits(item: int) -> int:
        assert item == 0 or taken.wait(STUCK)
        return item

    results = local.run(second_waits, range(2), 2)
    assert next(results) == 0
    taken.set()
    assert [*results] == [1]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_exactly_this_many_items_run_at_once(workers: int):
    barrier = threading.Barrier(workers * DEVICES)

    def meet(_: int) -> int:
        barrier.wait(STUCK)
        return threading.get_ident()

    threads = [*local.run(meet, range(2 * workers * DEVICES), workers)]
    assert len(threads) == 2 * workers * DEVICES
    assert len(set(threads)) == workers * DEVICES


def test_no_items_give_no_results():
    assert [*local.run(str, [], 1)] == []


class Item:
    """A number whose release can be observed."""

    def __init__(self, number: int) -> None:
        self.number = number


@pytest.mark.parametrize("fails", [True, False])
def test_items_that_have_not_begun_are_dropped(fails: bool):
    began = []
    last = DEVICES + 2
    dropped = threading.Event()

    def items() -> Iterator[Item]:
        # And one more, since the executor holds on to the last one that it cancels.
        for number in range(last + 2):
            item = Item(number)
            if number == last:
                weakref.finalize(item, dropped.set)
            yield item

    def first_ends(item: Item) -> str:
        began.append(item.number)
        if item.number == 0:
            if fails:
                raise ArithmeticError("loss of the first is no number")
            return "first"
        # Blocks every worker until the executor releases the item ``last``.
        assert dropped.wait(STUCK)
        return "later"

    results = local.run(first_ends, items(), 1)
    if fails:
        with pytest.raises(ArithmeticError, match="loss of the first"):
            next(results)
    else:
        assert next(results) == "first"
        results.close()
    assert dropped.is_set()
    assert not {last, last + 1} & {*began}


FOUR_DEVICES = """
import collections, threading
import jax
from gpt_nas_jax.executors import local

double = jax.jit(lambda x: 2 * x)

def devices(workers):
    barrier = threading.Barrier(4 * workers)

    def where(item):
        barrier.wait(60)
        (device,) = double(jax.numpy.arange(item)).devices()
        return device.id

    found = local.run(where, range(4 * workers), workers)
    return sorted(collections.Counter(found).items())

print(devices(1), devices(2))
"""


def test_every_device_gets_its_share():
    fake = {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
    }
    done = subprocess.run(
        [sys.executable, "-c", FOUR_DEVICES],
        env=os.environ | fake,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    once, twice = [(device, 1) for device in range(4)], [(d, 2) for d in range(4)]
    assert done.stdout.strip() == f"{once} {twice}"


PATIENT = """
import os, pathlib, signal, sys, threading
from gpt_nas_jax import interruption
from gpt_nas_jax.executors import local
from gpt_nas_jax.workdir import Ledger

begun = threading.Barrier(2)
asked = threading.Event()

def work(item):
    begun.wait(60)
    if item == 0:
        main = threading.main_thread().ident
        signal.pthread_kill(main, getattr(signal, sys.argv[1]))
        while not interruption.pending():
            asked.wait(0.01)
        asked.set()
    asked.wait(60)
    return item

found = []
try:
    with interruption.handled():
        for result in local.finish(work, range(6), 2):
            Ledger(pathlib.Path(sys.argv[2])).append({"result": result})
            found.append(result)
            interruption.obey()
except interruption.Stopped as stopped:
    print(found, stopped.exit_code, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize(
    ("name", "due"), [("SIGINT", "[0, 1] 130"), ("SIGTERM", "143")]
)
def test_after_ctrl_c_what_has_begun_is_finished_and_kept(
    name: str, due: str, tmp_path: pathlib.Path
):
    """SIGTERM is obeyed at once, since its sender may not wait."""
    path = tmp_path / "ledger.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", PATIENT, name, str(path)],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=STUCK,
    )
    assert done.stdout.strip().endswith(due), done.stderr
    waits = "when the candidates that run are done" in done.stderr
    assert waits == (name == "SIGINT")
    kept = [record["result"] for record in Ledger(path).read()]
    assert kept == ([0, 1] if waits else [])


def test_calls_at_the_same_time_share_the_workers():
    """Four calls with two workers per device start only two threads per device."""
    names = set()
    meet = threading.Barrier(2 * DEVICES)

    def work(_: int) -> None:
        names.add(threading.get_ident())
        meet.wait(STUCK)

    def call() -> None:
        assert len([*local.run(work, range(2 * DEVICES), 2)]) == 2 * DEVICES

    threads = [threading.Thread(target=call) for _ in range(3)]
    first = local.run(work, range(2 * DEVICES), 2)
    next(first)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(STUCK)
    assert [*first] == [None] * (2 * DEVICES - 1)
    assert len(names) == 2 * DEVICES
