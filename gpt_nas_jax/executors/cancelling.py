"""Calls of executors that another thread may cancel."""

import contextlib
import contextvars
import threading
from collections.abc import Iterator

_stop: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar(
    "stop", default=None
)


class Cancelled(Exception):
    """The call is not wanted any more."""


@contextlib.contextmanager
def by(event: threading.Event) -> Iterator[None]:
    """Calls of this thread are cancelled once an event is set."""
    token = _stop.set(event)
    try:
        yield
    finally:
        _stop.reset(token)


def event() -> threading.Event:
    """The event that cancels the calls of this thread; one of its own by default."""
    return _stop.get() or threading.Event()
