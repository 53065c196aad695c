"""Workdirs on a store: folders on this disk whose files are put there as they change.

The program reads and writes the folder. When `push` and `append` return, their changes
are on the store, as files are on a disk once synced.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from gpt_nas_jax import interruption
from gpt_nas_jax.types import Lost, UsageError
from gpt_nas_jax.workdir import lease, places
from gpt_nas_jax.workdir.lease import Lease, State
from gpt_nas_jax.workdir.line_objects import LineObjects
from gpt_nas_jax.workdir.objects import Objects

CHECKSUMS = "checksums.json"
"""In each folder that is written atomically: the SHA-256 of every other file."""

FLAGS = "flags.txt"
"""In each workdir."""

_Stamp = tuple[int, int, int]
_open: dict[Path, "Mirror"] = {}
"""By their folders."""


class Mirror:
    """The folder of a workdir on a store.

    A ledger is one object per evaluation, created exclusively and never replaced; its
    file is assembled from them. Other files have the same names there as in the folder.
    The lease's state, which is made last, names those that belong to the workdir, so a
    crash leaves either the old or the new ones. If there is no state, but a run's
    folder was copied to the store, the run continues.
    """

    def __init__(self, path: Path, objects: Objects, held: Lease | None) -> None:
        """Fetches the workdir.

        Args:
          path: of the folder, which is made anew.
          objects: of the workdir.
          held: the right to write, or None for a mirror that is only read.

        Raises:
          UsageError: the store does not answer, or a ledger is damaged.
        """
        self._path = path
        self._objects = objects
        self._lease = held
        self._pushed: dict[str, _Stamp] = {}
        self._ledgers = LineObjects(objects)
        while True:
            state = lease.latest(objects) if held is None else held.state
            try:
                self._fetch(state)
                return
            except UsageError:
                # A writer removes what no longer belongs to the workdir.
                if held is not None or lease.latest(objects) == state:
                    raise

    def append(self, path: Path, data: bytes) -> None:
        """Adds the lines of one evaluation to a ledger on the store.

        Raises:
          UsageError: another process continues the run.
          Lost: a former owner of the workdir has added its last evaluation there.
        """
        if self._lease is not None:
            self._lease.require()
        if not self._ledgers.append(self._name(path), data):
            if self._lease is not None:
                self._lease.confirm()
            raise Lost(
                f"another process has added an evaluation to {self._name(path)} in "
                f"{self._objects.url}"
            )

    def line(self, path: Path, index: int) -> str:
        """The object of an evaluation, for messages."""
        return self._ledgers.where(self._name(path), index)

    def push(self, path: Path) -> None:
        """Makes the store hold what the folder holds.

        Args:
          path: a file or folder that has changed. A mirror that is only read puts that
            file there and nothing else.

        Raises:
          UsageError: the store does not answer, or another process has the lease.
        """
        if self._lease is None:
            self._objects.upload({self._name(path): path})
            return
        stamps = self._stamps()
        before = set(self._lease.state.files)
        new = {name for name, at in stamps.items() if self._pushed.get(name) != at}
        gone = before - set(stamps)
        if new or gone:
            self._lease.confirm()
            # A folder with checksums must not mix files of two versions.
            mixed = {_whole(name, stamps) for name in new & before} - {None}
            if mixed:
                self._lease.commit(n for n in before if _whole(n, stamps) not in mixed)
            self._objects.upload({name: self._path / name for name in sorted(new)})
            self._lease.commit(sorted(stamps))
            self._objects.remove(sorted(gone))
            self._pushed = stamps
        self._ledgers.remove_others(set(stamps))

    def _name(self, path: Path) -> str:
        return path.relative_to(self._path).as_posix()

    def _stamps(self) -> dict[str, _Stamp]:
        """By their names, all files but those under a temporary name."""
        found = {}
        for file in self._path.rglob("*"):
            parts = file.relative_to(self._path).parts
            if not any(part.startswith((".", "tmp-")) for part in parts):
                status = file.stat()
                if file.is_file():
                    stamp = status.st_mtime_ns, status.st_size, status.st_ino
                    found["/".join(parts)] = stamp
        return found

    def _fetch(self, state: State) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
        self._path.mkdir(parents=True)
        there = set(self._objects.names())
        copied = not state.files and FLAGS in there
        listed = {name for name in there if not name.startswith(".store/")}
        if not copied:
            # Some may have been removed by hand, as an error advised.
            listed &= set(state.files)
            # A ledger is what its objects hold: one without any has no evaluation.
            listed = {name for name in listed if not _is_ledger(name)}
            self._ledgers.fetch(there, self._path)
        self._objects.download({name: self._path / name for name in listed})
        self._pushed = {
            name: at for name, at in self._stamps().items() if name in listed
        }
        if copied and self._lease is not None:
            for name in sorted(filter(_is_ledger, listed)):
                file = self._path / name
                file.write_bytes(self._ledgers.adopt(name, file.read_bytes()))
                self._pushed.pop(name, None)
            self._lease.commit(listed)


@contextlib.contextmanager
def opened(workdir: str, writes: bool = True) -> Iterator[Path]:
    """The folder of a workdir; of one on a store, which is fetched first, its mirror.

    Args:
      workdir: a path, or the URL of a store.
      writes: whether the folder's changes are put on the store. Then no other process
        may do that while the context lasts.

    Raises:
      UsageError: another process writes, or the store cannot be used. Paths in errors
        of the context are those of the store.
      Lost: the store has failed for a minute since.
    """
    path = places.folder(workdir)
    if not places.is_store(workdir) or path in _open:
        yield path
        return
    places.require_usable(workdir)
    try:
        with _mirrored(workdir, path, writes):
            yield path
    except UsageError as error:
        raise UsageError(places.shown(str(error))) from error


@contextlib.contextmanager
def _mirrored(workdir: str, path: Path, writes: bool) -> Iterator[None]:
    places.enter()
    objects = Objects(workdir)
    held = Lease(objects, places.process(), _is_running) if writes else None
    if held is not None:
        held.take()
        # The store answers and takes files, so a later failure is a temporary one.
        objects.persevere()
    try:
        places.sweep()
        mirror = _open[path] = Mirror(path, objects, held)
        if held is None:
            objects.persevere()
        try:
            yield
        finally:
            del _open[path]
            if held is not None:
                with interruption.deferred():
                    mirror.push(path)
    finally:
        if held is not None:
            with interruption.deferred():
                held.release()


def _is_running(owner: str) -> bool | None:
    """Whether a process lives that had the lease; this one has let go of it."""
    return False if owner == places.process() else places.is_running(owner)


def push(path: Path) -> None:
    """Puts a file or folder that was just written on its store, if it has one."""
    mirror = _of(path)
    if mirror is not None:
        mirror.push(path)


def append(path: Path, data: bytes) -> None:
    """Adds lines to a ledger on its store, if it has one; before it is written."""
    mirror = _of(path)
    if mirror is not None:
        mirror.append(path, data)


def line(path: Path, index: int) -> str | None:
    """The object of an evaluation of a ledger on a store; else None."""
    mirror = _of(path)
    return None if mirror is None else mirror.line(path, index)


def _of(path: Path) -> Mirror | None:
    return next((_open[one] for one in (path, *path.parents) if one in _open), None)


def _is_ledger(name: str) -> bool:
    return name.endswith(".jsonl")


def _whole(name: str, names: dict[str, _Stamp]) -> str | None:
    """The nearest folder of a file that is whole by its checksums, or None."""
    while name:
        name = name.rpartition("/")[0]
        if f"{name}/{CHECKSUMS}" in names:
            return name
    return None
