"""Where a data set lies and how it is read: what every loader is given."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator

Progress = Callable[..., contextlib.AbstractContextManager[Callable[..., None]]]
"""``progress(title, total, done=0)`` shows how far long work is. The context's value is
called after each item, or with how many more are done."""


@contextlib.contextmanager
def silent(title: str, total: int, done: int = 0) -> Iterator[Callable[..., None]]:
    """A `Progress` that shows nothing."""
    yield lambda count=1, note="": None


@dataclasses.dataclass(frozen=True)
class Source:
    """The argument of every loader; each reads what it needs.

    Attributes:
      dir: ``--data_dir``, a folder or file; the current folder where it is not given.
      side: ``--data_side``, pixels that images are resized to; 0 for their own size, or
        one that the loader chooses.
      workers: ``--data_workers``, processes that decode a data set that is streamed.
      progress: shows how far the reading is where it can take minutes.
      skip_unreadable: ``--data_unreadable=skip``, whether pictures that cannot be read
        are left out.
      stream: ``--data_stream``, ``yes`` or ``no`` where a loader that can do either is
        to leave pictures on disk or not; ``auto`` by their size.
    """

    dir: pathlib.Path
    side: int = 0
    workers: int = 0
    progress: Progress = silent
    skip_unreadable: bool = False
    stream: str = "auto"
