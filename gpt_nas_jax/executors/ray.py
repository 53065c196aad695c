"""Evaluations by the workers of a Ray cluster, which may join and leave meanwhile.

The process that starts the run runs strategy, prior, ledger and terminal, on its CPU.
A worker is a Ray actor with one device. One that is lost gives its item back, and
another takes its place.
"""

import contextlib
import functools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import jax
import ray

from gpt_nas_jax import interruption
from gpt_nas_jax.config import RayConfig
from gpt_nas_jax.executors.attempts import DEATHS, Attempts
from gpt_nas_jax.executors.local import Item, Result
from gpt_nas_jax.executors.ray_cluster import TICK_SECONDS, Cluster, Member
from gpt_nas_jax.types import TrainingError, UsageError

Value = TypeVar("Value")


_REACHED_SECONDS = 10


class _Here:
    """A process has one run on a cluster at most."""

    cluster: Cluster | None = None


def lead(settings: RayConfig, per_device: int, main: Callable[[], object]) -> None:
    """Calls ``main`` with a cluster at its service.

    Args:
      settings: where the cluster is, and what workers there are.
      per_device: workers that share a device.
      main: the program.

    Raises:
      UsageError: the cluster cannot be reached, or as ``main``.
    """
    # The devices are the workers'.
    jax.config.update("jax_platforms", "cpu")
    with _connected(settings.address):
        _Here.cluster = Cluster(settings, per_device)
        try:
            main()
        finally:
            _Here.cluster.clear()
            _Here.cluster = None


def run(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Like `local.run`, on the workers of the cluster.

    Each takes the next item as soon as it has finished one; ``workers`` is that of
    `lead`. ``function``, items and results are pickled. An item whose worker is lost is
    given to another one. Where it has ended `DEATHS` workers, its result is
    ``function.failed(reason)``.

    Raises:
      UsageError: such an item, but the function has no ``failed``.
      Lost: worker after worker is lost before it takes an item.
    """
    cluster, items = _cluster(), list(items)
    put, attempts = cluster.function(function), Attempts(len(items))
    running: dict[ray.ObjectRef, tuple[Member, int, ray.ObjectRef]] = {}
    done: dict[int, Callable[[], Result]] = {}

    def turn(yielded: int) -> None:
        """Begins what can begin, and collects what has ended."""
        cluster.grow(len(items) - yielded - len(done), len(running))
        while cluster.free and (index := attempts.begin()) is not None:
            member = cluster.free.pop()
            prepared = member.actor.prepare.remote(cluster.common())
            ref = member.actor.call.remote(cluster.common(), put, items[index])
            running[ref] = member, index, prepared
        for ref in cluster.wait(running):
            member, index, prepared = running.pop(ref)
            found = cluster.outcome(ref, member)
            if found is None:
                if not cluster.is_prepared(prepared):
                    # It was lost before it took the item, which is not to blame.
                    member.node = ""
                    cluster.lose_early(member)
                attempts.lost(index, member.node, time.monotonic())
            else:
                cluster.end_losses()
                cluster.free.append(member)
                done[index] = found
        for index in attempts.condemned(time.monotonic(), cluster.alive):
            done[index] = functools.partial(_failed, function)

    try:
        for wanted in range(len(items)):
            while wanted not in done:
                turn(wanted)
            yield done.pop(wanted)()
    finally:
        # As in `local.run`, a signal waits for no candidate.
        if running and not interruption.pending():
            ray.wait([*running], num_returns=len(running))
            ended = ((ref, member) for ref, (member, *_) in running.items())
            cluster.free += [m for ref, m in ended if cluster.outcome(ref, m)]


def everywhere(function: Callable[..., Value], *args: Any) -> Value:
    """Calls a function here, and also in workers if it only has a side effect.

    What it returns is sent to workers with the functions that need it.
    """
    result = function(*args)
    if result is None:
        by_workers(function, *args)
    return result


def by_workers(function: Callable[..., object], *args: Any) -> None:
    """Makes each worker call a function before its next item.

    It replaces an earlier call of the same function.
    """
    _cluster().keep(function, args)


def at_worker(function: Callable[..., Value], *args: Any) -> Value:
    """The result of a function in a worker."""
    (result,) = run(functools.partial(_called, function), [args], 1)
    return result


def devices() -> int:
    """How many devices there are on the node that has the most of them."""
    return _cluster().devices()


def sharers(workers: int) -> int:
    """How many workers share the memory of a device, or, on a CPU, that of a node."""
    return _cluster().sharers(workers)


def together(function: Callable[..., Value], *args: Any) -> Value:
    """Calls a function on a node with all its devices, or on another if that is lost.

    A signal is passed on, and takes effect here once the function has ended. The text
    that it prints is printed here.

    Raises:
      UsageError: the function raises it, or has ended `DEATHS` processes.
    """
    cluster = _cluster()
    # The devices are to be free.
    cluster.clear()
    task, attempts = cluster.put((function, args)), Attempts(1)
    while not attempts.condemned(time.monotonic(), cluster.alive):
        interruption.obey()
        if attempts.begin() is None:
            time.sleep(TICK_SECONDS)
            continue
        member = cluster.whole_node()
        ref = member.actor.work.remote(cluster.common(), task)
        with interruption.deferred():
            found = _followed(cluster, ref, member)
            if found is not None:
                ray.kill(member.actor)
                result = found()
                interruption.obey()
                return result
        attempts.lost(0, member.node, time.monotonic())
    raise TrainingError(
        f"the training has ended {DEATHS} processes that it ran in; the memory of "
        "their nodes may be too small for it"
    )


def _followed(
    cluster: Cluster, ref: ray.ObjectRef, member: Member
) -> Callable[[], Any] | None:
    """The outcome of `Worker.work`; prints what it prints and passes a signal on."""
    told = ended = False
    while not ended:
        ended = bool(ray.wait([ref], timeout=TICK_SECONDS)[0])
        # If it is lost, the outcome says so.
        with contextlib.suppress(ray.exceptions.RayError):
            text = ray.get(member.actor.printed.remote())
            print(text, end="", flush=True)
        stopped = interruption.received()
        if stopped is not None and not told:
            member.actor.stop.remote(stopped.number)
            told = True
    return cluster.outcome(ref, member)


def _called(function: Callable[..., Value], args: tuple[Any, ...]) -> Value:
    return function(*args)


def _failed(function: Any) -> Any:
    reason = f"ended the process that evaluated it {DEATHS} times"
    if not hasattr(function, "failed"):
        raise UsageError(f"an item of --executor=ray {reason}")
    return function.failed(reason)


def _cluster() -> Cluster:
    if _Here.cluster is None:
        raise UsageError(
            "--executor=ray works only from the command line or gpt_nas_jax.run"
        )
    return _Here.cluster


@contextlib.contextmanager
def _connected(address: str) -> Iterator[None]:
    """Joins a cluster, or starts one that ends with the context.

    Raises:
      UsageError: there is none at the address.
    """
    if ray.is_initialized():
        yield
        return
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        os.environ.setdefault(name, "0")
    # Only tables go to standard output, where Ray would report each lost worker.
    with contextlib.suppress(ImportError, AttributeError):
        from ray._private import worker

        worker.print_to_stdstream = _say_nothing
    host, _, port = (address or os.environ.get("RAY_ADDRESS", "")).rpartition(":")
    try:
        if host:
            # Ray tries it for minutes.
            socket.create_connection((host, int(port)), _REACHED_SECONDS).close()
        with _signals_kept():
            ray.init(
                address or None,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
            )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(
            f"--ray_address={address}: there is no Ray cluster to join ({reason})"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_nothing(*args: Any, **options: Any) -> None:
    pass
