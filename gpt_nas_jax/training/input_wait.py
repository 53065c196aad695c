"""The time that trainings wait for images from disk."""

import contextlib
import contextvars
import dataclasses
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


@dataclasses.dataclass(eq=False)
class Wait:
    """The wait within a context.

    Attributes:
      seconds: waited for images, the start of processes that decode included; None
        where none came from disk.
    """

    seconds: float | None = None
    _begin: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def share(self) -> float | None:
        """Share of the time since the context began, in [0, 1]."""
        if self.seconds is None:
            return None
        return self.seconds / max(time.monotonic() - self._begin, 1e-9)


_wait: contextvars.ContextVar[Wait | None] = contextvars.ContextVar(
    "input_wait", default=None
)


@contextlib.contextmanager
def measured() -> Iterator[Wait]:
    """Counts the time that this thread waits for images within the context."""
    wait = Wait()
    token = _wait.set(wait)
    try:
        yield wait
    finally:
        _wait.reset(token)


def counted(stream: Iterable[Item]) -> Iterator[Item]:
    """Yields the items of a stream, and counts the time spent waiting for each.

    Programs of a device are queued. If images arrive more slowly than it trains, the
    queue is empty; if they arrive faster, there is no wait.
    """
    items = iter(stream)
    while True:
        begin = time.monotonic()
        item = next(items, _END)
        if (wait := _wait.get()) is not None:
            wait.seconds = (wait.seconds or 0.0) + time.monotonic() - begin
        if item is _END:
            return
        yield item
