"""Compiled programs, kept on disk for the next run."""

import contextlib
import functools
import os
import stat
import sys
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import jax
from jax.experimental.compilation_cache import compilation_cache

from gpt_nas_jax import workdir
from gpt_nas_jax.config import TrainConfig
from gpt_nas_jax.executors import hosts
from gpt_nas_jax.types import UsageError

_GIB = 2**30
_FOLDER = "jax_compilation_cache_dir"
_SETTINGS = {
    # With a limit, JAX scans all programs whenever it writes one: 0.14 s with 3,000 of
    # them.
    "jax_compilation_cache_max_size": -1,
    # A block's programs are small and quickly compiled, and there are many.
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": 0,
    # XLA's own caches would put the directory's path into every key, so a moved
    # directory would be useless.
    "jax_persistent_cache_enable_xla_caches": "none",
}
# Names of `jax._src.lru_cache.LRUCache`.
_CACHE, _ATIME = "-cache", "-atime"
_LOCK, _LOCK_SECONDS = ".lockfile", 10
_SWEPT = ".swept"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"


def keep(settings: TrainConfig) -> None:
    """Turns on JAX's persistent compilation cache.

    Raises:
      UsageError: the directory cannot be made, or others may write to it.
    """
    if not settings.cache_size:
        return
    path = _path(settings)
    # Only process 0 writes; the others may read what it has written.
    reading = hosts.follows()
    if reading and not path.is_dir():
        return
    _require_own(path, make=not reading)
    if not reading:
        _sweep(path, int(settings.cache_size * _GIB))
    _warn_in_one_line(path)
    _use({_FOLDER: str(path), **_SETTINGS})


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Gives JAX its settings of the cache back when the context ends."""
    before = {name: getattr(jax.config, name) for name in (_FOLDER, *_SETTINGS)}
    show = warnings.showwarning
    try:
        yield
    finally:
        _use(before)
        warnings.showwarning = show
        _warn_in_one_line.cache_clear()


def _use(settings: Mapping[str, Any]) -> None:
    moved = getattr(jax.config, _FOLDER) != settings[_FOLDER]
    for name, value in settings.items():
        jax.config.update(name, value)
    if moved:
        # JAX keeps the directory that it used first.
        compilation_cache.reset_cache()


def _sweep(path: Path, limit: int) -> None:
    """Removes what a crash or a full disk left incomplete, then what exceeds the limit.

    Args:
      path: of the cache.
      limit: maximum bytes to keep; the least recently read programs go first.
    """
    lock = filelock.FileLock(path / _LOCK, timeout=_LOCK_SECONDS)
    # What cannot be removed now is removed at another start.
    with contextlib.suppress(OSError, filelock.Timeout), lock:
        swept = path / _SWEPT
        since = swept.stat().st_mtime_ns if swept.exists() else 0
        # JAX's own limit leaves a file with the time of each program's last read.
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

    File systems record reads at least once a day or never: then the oldest go first.
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
    """Whether compressed data are complete."""
    try:
        if data.startswith(_ZSTANDARD):
            # JAX compresses with it if it is installed.
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
    """Replaces JAX's warnings, one per program that it cannot keep, by one line."""
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
                "the run continues without",
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
