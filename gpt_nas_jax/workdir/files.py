"""Atomic writes: files are written beside their place, synced and renamed."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gpt_nas_jax import interruption
from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import mirrors

RESTORE = "restore it or remove it"
"""The default remedy."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_roots: dict[Path, int] = {}
"""The folders that this process has claimed, each with its inode."""


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file atomically and makes its parent folders.

    A file that already holds ``data`` is not touched.

    Raises:
      UsageError: it cannot be written.
    """
    with storing(path):
        if path.is_file() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = beside(path, "tmp")
        with _alone(temporary) as file:
            try:
                file.write(data)
                file.flush()
                sync(file.fileno())
                temporary.replace(path)
                sync_folder(path.parent)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
                raise
        mirrors.push(path)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[IO[bytes]]:
    """An empty file that no other writer has open, where the disk knows locks.

    A run and ``--stage=report`` may write the same page at once. The lock of a writer
    that was killed ends with it, and the next one takes its file over.
    """
    while True:
        with path.open("ab") as file:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            # Meanwhile, its writer may have renamed it.
            if _is_there(path, os.fstat(file.fileno()).st_ino):
                file.truncate(0)
                yield file
                return


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Defers signals while the context lasts, and says in one line why it failed.

    Raises:
      UsageError: the disk is full, the path cannot be written, or the claimed folder
        it lies in has been removed.
    """
    with interruption.deferred():
        # Another thread may claim or leave a folder meanwhile.
        for root, inode in list(_roots.items()):
            if path.is_relative_to(root) and not _is_there(root, inode):
                raise UsageError(
                    f"{root} was removed or replaced while the run was writing to it; "
                    "start the same command again"
                )
        try:
            yield
        except OSError as error:
            raise failure(path, error) from error


def failure(path: Path, error: OSError) -> UsageError:
    """The line for a file that could not be written."""
    if error.errno in _FULL:
        return UsageError(
            f"no space left to write {path}; make space and start the same command "
            "again: it resumes where it stopped"
        )
    return UsageError(f"{path} cannot be written: {error.strerror or error}")


def damaged(path: Path, reason: str, remedy: str) -> UsageError:
    """The error for a file or folder that is not as the program left it.

    Args:
      path: of it.
      reason: in a few words.
      remedy: what its user can do, as an imperative.
    """
    return UsageError(f"{path} is damaged ({reason}); {remedy}")


@contextlib.contextmanager
def claimed(root: Path) -> Iterator[None]:
    """Refuses, while the context lasts, to write where ``root`` has been removed."""
    _roots[root] = root.stat().st_ino
    try:
        yield
    finally:
        del _roots[root]


def beside(path: Path, ending: str) -> Path:
    """A hidden name in the same folder."""
    return path.with_name(f".{path.name}.{ending}")


def sync(descriptor: int) -> None:
    """Waits until an open file is on the disk."""
    os.fsync(descriptor)


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_there(root: Path, inode: int) -> bool:
    try:
        return root.stat().st_ino == inode
    except OSError:
        return False
