"""Where a workdir lies: in a folder, or on a store with its mirror on this disk."""

import atexit
import contextlib
import fcntl
import functools
import os
import re
import secrets
import shutil
import socket
from pathlib import Path
from typing import IO

from gpt_nas_jax.types import UsageError

# Those that create an object exclusively; memory is that of this process, for tests.
_KINDS = ("gs", "s3", "memory")
_URL = re.compile(r"(\w+)://(.+)")
_NAMES = re.compile(r"(\w+)://[^/]+/[^*?#\[\]]+")
# pathlib turns gs:// into gs:/.
_CUT = re.compile(rf"({'|'.join(_KINDS)}):/?(?!/)")
_LOCK = ".lock"
_held: list[IO[bytes]] = []
"""The lock of this process's mirrors, as long as it lives."""


def is_store(workdir: str | os.PathLike[str]) -> bool:
    """Whether a workdir is the URL of a store, not a path."""
    return "://" in os.fspath(workdir)


def folder(workdir: str | os.PathLike[str]) -> Path:
    """The folder of a workdir; of one on a store, that of its mirror in this process.

    Creates nothing.

    Raises:
      UsageError: there is no name, or a URL that lacks a slash.
    """
    text = os.fspath(workdir)
    if not text:
        raise UsageError("--workdir is empty; name a directory")
    if cut := _CUT.match(text):
        raise UsageError(
            f"--workdir={text} lacks a slash; give the URL as text, "
            f"{cut[1]}://BUCKET/FOLDER"
        )
    matched = _URL.fullmatch(text)
    if matched is None:
        # Unlike pathlib's, it accepts an unknown user.
        return Path(os.path.expanduser(workdir))
    return _mirrors() / matched[1] / matched[2].strip("/")


def require_usable(workdir: str) -> None:
    """Raises UsageError where a URL cannot be that of a workdir."""
    matched = _NAMES.fullmatch(workdir)
    if matched is None or matched[1] not in _KINDS or ".." in workdir.split("/"):
        raise UsageError(
            f"--workdir={workdir} cannot be used; give a folder, gs://BUCKET/FOLDER or "
            "s3://BUCKET/FOLDER without any of *?#[]"
        )


def below(workdir: str, *names: str) -> str:
    """A workdir within another one."""
    if is_store(workdir):
        return "/".join((workdir.rstrip("/"), *names))
    # Path would turn ./~ into ~, which is the user's home.
    return os.path.join(workdir, *names)


def shown(text: str | Path) -> str:
    """A text or path with URLs in place of the paths of mirrors."""
    try:
        root = re.escape(str(_mirrors()))
    except UsageError:
        # Without a folder for them there are none.
        return str(text)
    return re.sub(rf"{root}/(\w+)/", r"\1://", str(text))


def process() -> str:
    """The name of this process among all that have mirrors, on any machine."""
    return _mirrors().name


def enter() -> None:
    """Makes the folder of this process's mirrors, locked until the process ends.

    It is removed when the process ends; one that was killed leaves it to `sweep`.
    """
    root = _mirrors()
    if not _held:
        # Compiled programs are kept there, too, but only if nobody else can write.
        for folder in (root.parent.parent, root.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.mkdir(mode=0o700)
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        # Renamed once locked, since a folder without a lock belongs to a dead process.
        new = root / f"{_LOCK}.new"
        _held.append(new.open("wb"))
        fcntl.flock(_held[0], fcntl.LOCK_EX)
        new.rename(root / _LOCK)


def is_running(name: str) -> bool | None:
    """Whether a process lives; None for one that had no mirror on this disk."""
    try:
        with (_mirrors().parent / name / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def sweep() -> None:
    """Removes the mirrors of processes that have ended."""
    with contextlib.suppress(OSError):
        for one in _mirrors().parent.iterdir():
            if is_running(one.name) is False:
                shutil.rmtree(one, ignore_errors=True)


def caches() -> Path:
    """The folder of this user's caches: ``$XDG_CACHE_HOME``, or else ``~/.cache``.

    Raises:
      UsageError: the user has no home folder, as in a container that knows no users.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise UsageError(
            "there is no folder for caches, since this user has no home folder; set "
            "HOME or XDG_CACHE_HOME"
        ) from error


@functools.cache
def _mirrors() -> Path:
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}"
    return caches().absolute() / "gpt_nas_jax" / "stores" / name
