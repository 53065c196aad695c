"""Evaluations on the devices of this process."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import jax

from gpt_nas_jax import interruption
from gpt_nas_jax.executors import cancelling, sharing

TICK_SECONDS = 1
"""Longest time that a signal is left waiting."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Calls ``function`` on every item, ``workers`` at a time on each local device.

    Results come in the order of the items, as soon as they and all before them are
    there. Leaving the iterator early drops the items that have not begun; so does an
    exception of ``function``, which is raised in its item's turn. What one thread has
    compiled, the others load. Threads are named by their device, as ``cpu:0/1``.

    Calls that run at the same time, from several threads, share the workers.

    Raises:
      Cancelled: see `cancelling`.
    """
    stop = cancelling.event()

    def call(item: Item) -> Result:
        if stop.is_set():
            raise cancelling.Cancelled
        with jax.default_device(_own.device):
            return function(item)

    with _pool(workers) as pool:
        futures = [pool.submit(call, item) for item in items]
        futures.reverse()
        try:
            while futures:
                # A signal that comes right before a wait does not end it.
                while not wait(futures[-1:], TICK_SECONDS).done:
                    pass
                yield futures.pop().result()
        finally:
            for future in futures:
                future.cancel()


def finish(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Like `run`; after SIGINT, finishes and yields the items that have begun."""

    def call(item: Item) -> Result:
        if interruption.pending():
            raise _NotBegun
        return function(item)

    with interruption.patient():
        try:
            yield from run(call, items, workers)
        except _NotBegun:
            interruption.obey(patient=False)
    interruption.obey()


class _NotBegun(Exception):
    """The run was asked to end before an item had begun."""


_own = threading.local()
"""The device of a worker."""
_open: dict[int, "_Pool"] = {}
_lock = threading.Lock()


class _Pool:
    """Threads on the local devices, and how many calls use them."""

    def __init__(self, workers: int) -> None:
        devices = jax.local_devices()
        if len(devices) * workers > 1:
            sharing.share()
        turns = itertools.count()

        def enter() -> None:
            number, place = divmod(next(turns), len(devices))
            _own.device = device = devices[place]
            name = f"{device.platform}:{device.id}/{number}"
            threading.current_thread().name = name

        self.users = 0
        self.threads = ThreadPoolExecutor(len(devices) * workers, initializer=enter)


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """The threads shared by all current calls with this many workers."""
    with _lock:
        pool = _open[workers] = _open.get(workers) or _Pool(workers)
        pool.users += 1
    try:
        yield pool.threads
    finally:
        with _lock:
            pool.users -= 1
            is_last = not pool.users
            if is_last:
                del _open[workers]
        if is_last:
            # A signal does not wait for candidates of minutes.
            waits = not interruption.pending()
            pool.threads.shutdown(wait=waits, cancel_futures=True)
