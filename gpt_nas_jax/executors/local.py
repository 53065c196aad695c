"""Evaluations on the devices of this process."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import jax

from gpt_nas_jax import interruption
from gpt_nas_jax.executors import sharing

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
    """
    devices = jax.local_devices()
    if len(devices) * workers > 1:
        sharing.share()
    local = threading.local()
    turns = itertools.count()

    def enter() -> None:
        number, place = divmod(next(turns), len(devices))
        local.device = device = devices[place]
        name = f"{device.platform}:{device.id}/{number}"
        threading.current_thread().name = name

    def call(item: Item) -> Result:
        with jax.default_device(local.device):
            return function(item)

    pool = ThreadPoolExecutor(len(devices) * workers, initializer=enter)
    try:
        yield from pool.map(call, items)
    finally:
        # A signal does not wait for candidates of minutes.
        pool.shutdown(wait=not interruption.pending(), cancel_futures=True)
