"""The argument of every loader: where a data set is and how to read it."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator

Progress = Callable[..., contextlib.AbstractContextManager[Callable[..., None]]]
"""``progress(title, total, done=0)`` displays the progress of long work. The context's
value is called after each item, or with a number of items."""


@contextlib.contextmanager
def silent(title: str, total: int, done: int = 0) -> Iterator[Callable[..., None]]:
    """A `Progress` that shows nothing."""
    yield lambda count=1, note="": None


@dataclasses.dataclass(frozen=True)
class Source:
    """The argument of every loader; each reads what it needs.

    Attributes:
      dir: ``--data_dir``, a folder or file; the current folder by default.
      side: ``--data_side``, pixels that images are resized to; 0 for their own size, or
        one that the loader chooses.
      workers: ``--data_workers``, processes that decode a streamed data set.
      progress: displays the progress of long reads.
      skip_unreadable: ``--data_unreadable=skip``, whether to skip unreadable pictures.
      stream: ``--data_stream``, ``yes`` or ``no``: whether pictures stay on disk, for
        loaders that support both; ``auto``: by their size.
    """

    dir: pathlib.Path
    side: int = 0
    workers: int = 0
    progress: Progress = silent
    skip_unreadable: bool = False
    stream: str = "auto"
