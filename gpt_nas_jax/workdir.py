"""Everything on disk: the flags of a run, its ledger, checkpoints and results."""

import contextlib
import fcntl
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from gpt_nas_jax.keys import GENERATOR
from gpt_nas_jax.types import UsageError

FLAGS = "flags.txt"
LEDGER = "ledger.jsonl"


@contextlib.contextmanager
def opened(path: Path, flags: str, result_flags: Mapping[str, str]) -> Iterator[None]:
    """Claims a directory for one run while the context lasts.

    Args:
      path: made where it is missing.
      flags: the run's flagfile, kept as `FLAGS`.
      result_flags: those of them that decide the result.

    Raises:
      UsageError: the directory cannot be written, or belongs to a run with other
        flags, to something else, or to a process that is still running.
    """
    with contextlib.ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((path / ".lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"--workdir={path} is in use by another process; wait for it or "
                "choose another directory"
            ) from error
        except OSError as error:
            raise UsageError(
                f"--workdir={path} cannot be used: {error.strerror}; choose another"
            ) from error
        check(path, result_flags)
        if not (path / FLAGS).exists():
            write_text(path / FLAGS, flags)
        yield


def check(path: Path, result_flags: Mapping[str, str]) -> None:
    """Raises UsageError where a directory belongs to a run with other flags.

    Touches nothing, so it may be asked before any work.
    """
    kept = path / FLAGS
    if not kept.exists():
        if (path / LEDGER).exists():
            raise UsageError(
                f"--workdir={path} holds a ledger but no {FLAGS}; choose another"
            )
        return
    lines = kept.read_text().splitlines()
    before = dict(line.removeprefix("--").partition("=")[::2] for line in lines)
    differing = [
        f"--{name} is {value!r}, was {before.get(name)!r}"
        for name, value in result_flags.items()
        if before.get(name) != value
    ]
    if differing:
        raise UsageError(
            f"--workdir={path} belongs to a run with other flags "
            f"({'; '.join(differing)}); choose another directory or those flags"
        )


def require_writable(flag: str, path: Path) -> None:
    """Raises UsageError where no file can be made in a folder, or the folder itself."""
    while not path.exists():
        path = path.parent
    if not path.is_dir() or not os.access(path, os.W_OK):
        raise UsageError(f"{flag}: {path} is no folder that can be written to")


class Ledger:
    """``ledger.jsonl``: one line an evaluation, appended and synced to disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[dict[str, Any]]:
        """All complete lines; one cut off by a crash is removed from the file.

        Raises:
          UsageError: a complete line cannot be read.
        """
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        complete = data[: data.rfind(b"\n") + 1]
        if len(complete) < len(data):
            with self._path.open("r+b") as file:
                file.truncate(len(complete))
        records = []
        for number, line in enumerate(complete.splitlines(), start=1):
            try:
                records.append(json.loads(line))
            except ValueError as error:
                raise UsageError(
                    f"{self._path}:{number} is damaged; restore the file or start in "
                    "another --workdir"
                ) from error
        return records

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds one line; when this returns, it survives a crash."""
        with self._path.open("ab") as file:
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a whole file, folders in front of it included, or leaves what was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a whole text file in UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes a whole ``.npy`` file or leaves what was."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    write_bytes(path, buffer.getvalue())


def write_json(path: Path, value: Any) -> None:
    """Writes a whole JSON file or leaves what was."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def save_step(path: Path, step: int, tree: Any) -> None:
    """Saves a pytree of arrays as ``path/<step>``; older steps go once it is there."""
    save_tree(path / str(step), tree)
    for other in _steps(path):
        if other < step:
            shutil.rmtree(path / str(other))


def load_latest(path: Path, like: Any) -> tuple[int, Any] | None:
    """The latest saved step and its pytree, shaped like ``like``; None without one."""
    steps = _steps(path)
    if not steps:
        return None
    return steps[-1], load_tree(path / str(steps[-1]), like)


def save_tree(path: Path, tree: Any) -> None:
    """Saves a pytree of arrays with Orbax, whole or not at all.

    What stands at ``path`` goes before the new one takes its place.
    """
    tree = jax.tree.map(_plain, tree)
    # Orbax writes to a temporary name and renames it when all is on disk.
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path.absolute(), tree, force=True)


def load_tree(path: Path, like: Any) -> Any:
    """Loads a pytree of arrays shaped like ``like`` (arrays or their shapes).

    The arrays lie on the first device, wherever they lay when they were saved.
    """
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])

    def target(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    with ocp.StandardCheckpointer() as checkpointer:
        plain = jax.eval_shape(lambda tree: jax.tree.map(_plain, tree), like)
        loaded = checkpointer.restore(path.absolute(), jax.tree.map(target, plain))

    def again(leaf: Any, array: jax.Array) -> jax.Array:
        if not _is_key(leaf):
            return array
        return jax.random.wrap_key_data(array, impl=GENERATOR)

    return jax.tree.map(again, like, loaded)


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Any) -> Any:
    """A typed key as the numbers that it consists of; anything else as it is."""
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _steps(path: Path) -> list[int]:
    """Complete steps in ascending order; temporary names are no numbers."""
    if not path.is_dir():
        return []
    return sorted(int(child.name) for child in path.iterdir() if child.name.isdigit())
