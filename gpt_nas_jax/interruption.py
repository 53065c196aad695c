"""Signals that end a run: SIGINT, SIGTERM and SIGHUP."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SOON = 0.02
"""Seconds."""
_NOTICE = b"gpt_nas_jax: stopping; a second signal ends the program at once\n"
_PATIENT = (
    b"gpt_nas_jax: stopping when the candidates that run are done; a second signal "
    b"ends the program at once\n"
)


class Stopped(BaseException):
    """A signal requested the run to stop. No `except Exception` catches this."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 plus the number of the signal, as in shells."""
        return 128 + self.number


class _State:
    """State per process, as signals are."""

    deferring = 0
    """Number of `deferred` contexts that the main thread is in."""
    patient = 0
    """Number of `patient` contexts that all threads are in."""
    lock = threading.Lock()
    relayed = 0
    """Number of relayed signals that are still to arrive."""
    direct = False
    """Whether this process received a signal itself."""
    received: int | None = None
    raised = False
    hook: Callable[[Any], object] = sys.unraisablehook


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Raises `Stopped` in the main thread at the first signal within the context.

    A second signal ends the process at once, which is safe since files are written
    atomically. A signal that is ignored, such as SIGHUP under nohup, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hook, sys.unraisablehook = sys.unraisablehook, _again
    _State.hook = hook
    _State.deferring, _State.received, _State.raised = 0, None, False
    _State.relayed, _State.direct = 0, False
    try:
        with _received_by(_receive):
            yield
    finally:
        sys.unraisablehook = hook


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Defers `Stopped` until the context ends or `check` is called in it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.deferring += 1
    try:
        yield
    finally:
        _State.deferring -= 1
    if not _State.deferring:
        check()


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """Defers SIGINT, in any thread, for work that should be finished and kept.

    Other signals are not deferred, since their sender may not wait.
    """
    with _State.lock:
        _State.patient += 1
    try:
        yield
    finally:
        with _State.lock:
            _State.patient -= 1


def _waits(number: int) -> bool:
    return number == signal.SIGINT and _State.patient > 0


@contextlib.contextmanager
def forwarded(tell: Callable[[int], object]) -> Iterator[None]:
    """Calls ``tell`` in a thread for each signal, instead of raising `Stopped`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def forward(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=tell, args=(number,), daemon=True).start()

    with _received_by(forward):
        yield


@contextlib.contextmanager
def _received_by(receive: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Installs a handler for all `SIGNALS` that are not ignored."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, receive)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def relay(number: int) -> None:
    """Relays, from any thread, a signal that another process of the run received.

    It may count as the first signal but never as the second, since often all processes
    of a run receive the same one.
    """
    _State.relayed += 1
    signal.pthread_kill(threading.main_thread().ident, number)


def request(number: int) -> None:
    """Records a deferred signal, from any thread, without raising."""
    _State.received = number


def pending() -> bool:
    """Whether a signal was received; `Stopped` may have been raised for it."""
    return _State.received is not None


def received() -> Stopped | None:
    """The `Stopped` of the received signal, or None."""
    return None if _State.received is None else Stopped(_State.received)


def obey(patient: bool = True) -> None:
    """Raises `Stopped` if a signal was received, even if it was raised before.

    A library may have caught it, or converted it to its own error and caught that.

    Args:
      patient: whether `patient` contexts defer it.
    """
    stopped = received()
    if stopped is not None and not (patient and _waits(stopped.number)):
        _State.raised = True
        raise stopped


def check() -> None:
    """Raises the deferred `Stopped`, if any, once.

    `patient` contexts defer it further.
    """
    number = _State.received
    if number is not None and not _State.raised and not _waits(number):
        _State.raised = True
        raise Stopped(number)


def _again(found: Any) -> None:
    """Sends a signal again that arrived during garbage collection.

    Python only prints an exception there and continues.
    """
    if not isinstance(found.exc_value, Stopped):
        _State.hook(found)
        return
    number, main = found.exc_value.number, threading.main_thread()
    _State.received, _State.raised, _State.direct = None, False, False
    # From a thread, so that the collection has ended.
    again = threading.Timer(_SOON, signal.pthread_kill, (main.ident, number))
    again.daemon = True
    again.start()


def _receive(number: int, frame: FrameType | None) -> None:
    if _State.relayed:
        _State.relayed -= 1
    elif _State.direct:
        os._exit(128 + number)
    else:
        _State.direct = True
    if _State.received is not None:
        return
    _State.received = number
    waits = _waits(number)
    if not _State.deferring and not waits:
        check()
    # Not `print`, which the signal may have interrupted.
    with contextlib.suppress(OSError):
        os.write(sys.__stderr__.fileno(), _PATIENT if waits else _NOTICE)
