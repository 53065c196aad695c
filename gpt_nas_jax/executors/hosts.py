"""Evaluations on the devices of all processes of a `jax.distributed` run.

Process 0 leads: it alone runs the program, with strategy, ledger, checkpoints and
terminal. The others follow (`following`): each does what the leader says, writes no
file and prints nothing.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import jax

from gpt_nas_jax import interruption
from gpt_nas_jax.config import HostsConfig
from gpt_nas_jax.executors import following, local
from gpt_nas_jax.executors.following import Mate
from gpt_nas_jax.executors.local import Item, Result
from gpt_nas_jax.executors.team import join
from gpt_nas_jax.types import Lost, UsageError

Value = TypeVar("Value")

# The leader itself reports a failure that all share.
_GRACE_SECONDS = 2
_WATCH_SECONDS = 10
_LOST = "another process of the run has ended or does not answer"


class _Here:
    """A process is in one run at most, as JAX has one client."""

    mate: Mate | None = None


def active() -> bool:
    """Whether the run has other processes."""
    return _Here.mate is not None and _Here.mate.team.count > 1


def follows() -> bool:
    """Whether this process does what another one says."""
    return _Here.mate is not None and _Here.mate.team.index > 0


def lead(settings: HostsConfig, main: Callable[[], object]) -> None:
    """Calls ``main`` in process 0, while the other processes follow it.

    They return when ``main`` does. If it fails, or a signal ends it, their processes
    end with the same exit code. A signal that one of them gets is passed on to the
    leader.

    Args:
      settings: where the processes find each other.
      main: the program.

    Raises:
      UsageError: the processes cannot be joined; or as ``main``.
      Lost: a process has ended, or does not answer.
    """
    mate = _Here.mate = Mate(join(settings))
    try:
        if follows():
            following.serve(mate)
        else:
            _lead(mate, main)
    finally:
        _Here.mate = None


def run(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Like `local.run`, on the devices of all processes.

    A device takes the next item as soon as it has finished one, so none waits for a
    slow one. ``function``, items and results are pickled; results of `everywhere` are
    not sent. Without other processes it is `local.finish`, which pickles nothing.
    """
    mate, items = _leader(), list(items)
    if not items:
        return
    if not active():
        yield from local.finish(function, items, workers)
        return
    number = mate.share(function, items, workers)
    arguments = mate, number, function, items, workers
    own = threading.Thread(target=following.claim, args=arguments, daemon=True)
    own.start()
    try:
        keys = (following.result_key(number, index) for index in range(len(items)))
        for data in mate.team.taken(keys):
            result, error = mate.common.loads(data)
            if error is not None:
                raise error
            yield result
    finally:
        # No process begins another item. After the end of the run none does anyway, and
        # the service is gone.
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            mate.team.add(following.claims_key(number), len(items))
        if not interruption.pending():
            own.join()


def everywhere(function: Callable[..., Value], *args: Any) -> Value:
    """Calls a function in every process, each for itself; returns the leader's result.

    It returns once all are done. A dataclass that it returns, and the dataclasses in
    its fields, are not sent to other processes afterwards: each has its own. Without
    other processes it is a plain call.

    Raises:
      UsageError: the function raises it in one of the processes.
    """
    if not active():
        return function(*args)
    mate = _leader()
    number = mate.say(following.do, function, args)
    result = mate.made(function, args)
    for index, reason in _answers(mate, number):
        if reason:
            raise UsageError(f"process {index}: {reason}")
    return result


def by_workers(function: Callable[..., object], *args: Any) -> None:
    """Same as `everywhere`, since each process evaluates candidates."""
    everywhere(function, *args)


def at_worker(function: Callable[..., Value], *args: Any) -> Value:
    """The result of a function: this process evaluates candidates as others do."""
    return function(*args)


def devices() -> int:
    """How many devices all processes have."""
    return jax.device_count()


def sharers(workers: int) -> int:
    """How many items share the memory of a device: all that it evaluates at once."""
    return workers


def together(function: Callable[..., Value], *args: Any) -> Value:
    """Calls a function in all processes at once; returns the leader's result.

    Its programs may run over the devices of all. Without other processes it is a plain
    call.
    """
    if not active():
        return function(*args)
    mate = _leader()
    # Processes meet here, since their first joint program waits only half a minute.
    for _ in _answers(mate, mate.say(following.join_in, function, args)):
        pass
    return function(*args)


def _answers(mate: Mate, number: int) -> Iterator[tuple[int, str]]:
    """The others, and what each answers to a message."""
    others = range(1, mate.team.count)
    keys = [following.answer_key(number, index) for index in others]
    for index, data in zip(others, mate.team.taken(keys), strict=True):
        yield index, data.decode()


def _leader() -> Mate:
    if _Here.mate is None or follows():
        raise UsageError(
            "--executor=hosts works only from the command line or gpt_nas_jax.run"
        )
    return _Here.mate


def _lead(mate: Mate, main: Callable[[], object]) -> None:
    ended = threading.Event()
    for listens in (_listen, _watch):
        threading.Thread(target=listens, args=(mate, ended), daemon=True).start()
    code = 1
    try:
        main()
        code = 0
    except BaseException as error:
        code = following.exit_code(error)
        raise
    finally:
        ended.set()
        if not mate.end(code) and code < 2:
            raise Lost(_LOST)


def _listen(mate: Mate, ended: threading.Event) -> None:
    """Obeys, in a thread, signals and failures of the others."""
    for data in mate.team.told():
        index, number, reason = mate.common.loads(data)
        if reason is None:
            interruption.relay(number)
        elif not ended.wait(_GRACE_SECONDS):
            _end_all(mate, f"process {index}: {reason}", number)


def _watch(mate: Mate, ended: threading.Event) -> None:
    """Ends the run, from a thread, when a process is lost that others may wait for."""
    while not ended.wait(_WATCH_SECONDS):
        if not mate.is_complete() and not ended.is_set():
            _end_all(mate, Lost(_LOST).line, Lost.exit_code)


def _end_all(mate: Mate, line: str, code: int) -> None:
    """Ends all processes at once; what is on disk is whole."""
    print(f"gpt_nas_jax: {line}", file=sys.stderr, flush=True)
    mate.end(code)
    os._exit(code)
