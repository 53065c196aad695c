"""Iterators that run ahead in a thread."""

import contextlib
import contextvars
import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

from gpt_nas_jax import interruption
from gpt_nas_jax.executors import cancelling
from gpt_nas_jax.executors.local import TICK_SECONDS

Value = TypeVar("Value")


class Ahead(Generic[Value]):
    """The values of an iterator, computed ahead in a separate thread.

    What the iterator raises is raised in its turn.
    """

    def __init__(self, values: Iterator[Value]) -> None:
        """Begins with the first value."""
        # A value, an exception, or None after the last value.
        self._done: queue.SimpleQueue[tuple[Value] | BaseException | None]
        self._done = queue.SimpleQueue()
        self._stop = threading.Event()
        # Progress is shown on the bar around.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._work, values), daemon=True
        )
        self._thread.start()

    def __iter__(self) -> Iterator[Value]:
        while (done := self._next()) is not None:
            if isinstance(done, BaseException):
                raise done
            yield done[0]

    def close(self) -> None:
        """Cancels what has not begun, and waits for the rest unless a signal came."""
        self._stop.set()
        if not interruption.pending():
            self._thread.join()

    def _next(self) -> tuple[Value] | BaseException | None:
        # As in `local.run`, a signal is not left waiting.
        while True:
            with contextlib.suppress(queue.Empty):
                return self._done.get(timeout=TICK_SECONDS)

    def _work(self, values: Iterator[Value]) -> None:
        try:
            with cancelling.by(self._stop):
                for value in values:
                    self._done.put((value,))
                    if self._stop.is_set():
                        return
            self._done.put(None)
        except BaseException as error:
            self._done.put(error)
