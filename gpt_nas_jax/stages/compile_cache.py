"""Compiled programs, kept on disk for the next run."""

import contextlib
import functools
import os
import stat
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import filelock
import jax

from gpt_nas_jax import workdir
from gpt_nas_jax.config import TrainConfig
from gpt_nas_jax.executors import hosts
from gpt_nas_jax.types import UsageError

_GIB = 2**30
# Names of `jax._src.lru_cache.LRUCache`.
_CACHE, _ATIME = "-cache", "-atime"
_LOCK, _LOCK_SECONDS = ".lockfile", 10
_SWEPT = ".swept"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"


def keep(settings: TrainConfig) -> None:
    """Lets JAX keep what it compiles in this process, and find it in the next.

    Raises:
      UsageError: the directory cannot be made, or others may write to it.
    """
    path = _path(settings)
    # JAX writes in process 0 alone; what that one has written others may read.
    reading = hosts.follows()
    if not settings.cache_size or (reading and not path.is_dir()):
        return
    _require_own(path, make=not reading)
    if not reading:
        _sweep(path, int(settings.cache_size * _GIB))
    _warn_in_one_line(path)
    for name, value in {
        "jax_compilation_cache_dir": str(path),
        # Bounded by JAX, every program that is written takes a look at all others:
        # 0.14 s each where there are 3,000.
        "jax_compilation_cache_max_size": -1,
        # A block's programs are small and quickly compiled, and there are many.
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": 0,
        # XLA's own caches would lie in the directory, and its path in every key: a
        # directory that was moved would be of no use.
        "jax_persistent_cache_enable_xla_caches": "none",
    }.items():
        jax.config.update(name, value)


def _sweep(path: Path, limit: int) -> None:
    """Takes out what a crash or a full disk left incomplete, then what is too much.

    Args:
      path: of the cache.
      limit: bytes that may stay; what was not read for the longest time goes first.
    """
    lock = filelock.FileLock(path / _LOCK, timeout=_LOCK_SECONDS)
    # What cannot be swept now is swept at another start.
    with contextlib.suppress(OSError, filelock.Timeout), lock:
        swept = path / _SWEPT
        since = swept.stat().st_mtime_ns if swept.exists() else 0
        # A cache that JAX bounded holds the time at which each program was read.
        for file in path.glob(f"*{_ATIME}"):
            file.unlink()
        for file in path.glob(f"*{_CACHE}"):
            new = file.stat().st_mtime_ns >= since
            if new and not _is_whole(file.read_bytes()):
                file.unlink()
        swept.touch()
        _bound(path, limit)


def _bound(path: Path, limit: int) -> None:
    """Removes the programs beyond a limit, least recently used first.

    File systems note a read once a day at least, or never: then the oldest go first.
    """
    entries = [(file.stat(), file) for file in path.glob(f"*{_CACHE}")]
    entries.sort(key=lambda entry: max(entry[0].st_atime_ns, entry[0].st_mtime_ns))
    excess = sum(status.st_size for status, _ in entries) - limit
    for status, file in entries:
        if excess <= 0:
            break
        file.unlink()
        excess -= status.st_size


def _is_whole(data: bytes) -> bool:
    """Whether compressed data reach to their end."""
    try:
        if data.startswith(_ZSTANDARD):
            # JAX compresses by it where it is installed.
            import zstandard

            reader: Any = zstandard.ZstdDecompressor().decompressobj()
        else:
            reader = zlib.decompressobj()
        reader.decompress(data)
        return reader.eof
    except ImportError:
        return True
    except Exception:
        return False


@functools.cache
def _warn_in_one_line(path: Path) -> None:
    """JAX warns once a program, in lines of its own, that it cannot keep it."""
    show, told = warnings.showwarning, []

    def shown(message: Any, *args: Any, **options: Any) -> None:
        text = str(message)
        if "persistent compilation cache" not in text:
            show(message, *args, **options)
        elif not told:
            told.append(text)
            reason = text.partition("': ")[2].partition("\n")[0]
            print(
                f"gpt_nas_jax: compiled programs are not kept in {path} ({reason}); "
                "the run goes on without",
                file=sys.stderr,
            )

    warnings.showwarning = shown


def _path(settings: TrainConfig) -> Path:
    return Path(settings.cache_dir or workdir.caches() / "gpt_nas_jax").absolute()


def _require_own(path: Path, make: bool) -> None:
    """Raises UsageError where others may write to the directory, or nobody can."""
    advice = "choose another --train_cache_dir, or --train_cache_size=0 for none"
    try:
        if make:
            path.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise UsageError(
            f"compiled programs cannot be kept in {path}: {error.strerror}; {advice}"
        ) from error
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if others or status.st_uid != os.getuid() or not os.access(path, os.W_OK):
        raise UsageError(
            f"compiled programs are not kept in {path}: you, and only you, must be "
            f"able to write to it; {advice}"
        )
