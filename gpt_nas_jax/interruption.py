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
    """The run was asked to end. No `except Exception` catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 plus the number of the signal, as shells count."""
        return 128 + self.number


class _State:
    """Signals belong to the process, and so does this."""

    deferring = 0
    """How many `deferred` contexts the main thread is in."""
    patient = 0
    """How many `patient` contexts any thread is in."""
    lock = threading.Lock()
    relayed = 0
    """Signals on their way that other processes got."""
    direct = False
    """Whether this process got one itself."""
    received: int | None = None
    raised = False
    hook: Callable[[Any], object] = sys.unraisablehook


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Raises `Stopped` in the main thread at the first signal while the context lasts.

    A second signal ends the process at once: everything on disk is written whole or
    not at all. A signal that is ignored, as SIGHUP under nohup, stays ignored.
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
    """Holds `Stopped` back until the context ends, or `check` is called in it."""
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
    """Holds SIGINT back, in any thread, for work that is to be finished and kept.

    Other signals are no requests: what sends them may not wait.
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
    """Tells of each signal, in a thread, and goes on; for what another process ends."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def forward(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=tell, args=(number,), daemon=True).start()

    with _received_by(forward):
        yield


@contextlib.contextmanager
def _received_by(receive: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Handles all `SIGNALS` by a function, but for those that are ignored."""
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
    """Passes on, from any thread, a signal that another process of the run got.

    It counts as the first signal and never as the second one: often all processes of a
    run get the same.
    """
    _State.relayed += 1
    signal.pthread_kill(threading.main_thread().ident, number)


def request(number: int) -> None:
    """Counts as a signal that is held back, from any thread; raises nothing itself."""
    _State.received = number


def pending() -> bool:
    """Returns whether a signal has come; `Stopped` may have been raised for it."""
    return _State.received is not None


def received() -> Stopped | None:
    """Returns what a signal that has come raises; None where none has come."""
    return None if _State.received is None else Stopped(_State.received)


def obey(patient: bool = True) -> None:
    """Raises `Stopped` if a signal has come, even if it was raised before.

    A library may have caught it, or turned it into an error of its own and caught that.

    Args:
      patient: whether `patient` contexts hold it back.
    """
    stopped = received()
    if stopped is not None and not (patient and _waits(stopped.number)):
        _State.raised = True
        raise stopped


def check() -> None:
    """Raises the `Stopped` that was held back, if there is one, once.

    `patient` contexts hold it back further.
    """
    number = _State.received
    if number is not None and not _State.raised and not _waits(number):
        _State.raised = True
        raise Stopped(number)


def _again(found: Any) -> None:
    """Sends a signal once more that came while an object was collected.

    Python goes on after an exception there, and prints it.
    """
    if not isinstance(found.exc_value, Stopped):
        _State.hook(found)
        return
    number, main = found.exc_value.number, threading.main_thread()
    _State.received, _State.raised, _State.direct = None, False, False
    # From a thread, so that the collection has come to its end.
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
    # `print` may be interrupted by itself here.
    with contextlib.suppress(OSError):
        os.write(sys.__stderr__.fileno(), _PATIENT if waits else _NOTICE)
