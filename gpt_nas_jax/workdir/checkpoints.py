"""Pytrees of arrays on disk, by Orbax, with checksums of all their files."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from gpt_nas_jax.keys import GENERATOR, is_key
from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import mirrors
from gpt_nas_jax.workdir.files import (
    RESTORE,
    beside,
    damaged,
    failure,
    storing,
    sync,
    sync_folder,
)
from gpt_nas_jax.workdir.mirrors import CHECKSUMS
from gpt_nas_jax.workdir.structured import read_sealed, write_sealed

_STEP = re.compile("0|[1-9][0-9]*", re.ASCII)
# TensorStore gives the operating system's error number only in its text.
_SYSTEM_ERROR = re.compile(r"\[os_error_code='(\d+)'")


def save_step(path: Path, step: int, tree: Any) -> None:
    """Saves a pytree of arrays as ``path/<step>``; older steps are removed afterwards.

    Raises:
      UsageError: it cannot be written.
    """
    save_tree(path / str(step), tree)
    with storing(path):
        for other in _steps(path):
            if other < step:
                shutil.rmtree(path / str(other))


def load_latest(path: Path, like: Any, remedy: str = RESTORE) -> tuple[int, Any] | None:
    """The latest saved step and its pytree, shaped like ``like``; None without one.

    Raises:
      UsageError: it is damaged; the message gives ``remedy``.
    """
    steps = _steps(path)
    if not steps:
        return None
    return steps[-1], load_tree(path / str(steps[-1]), like, remedy)


def save_tree(path: Path, tree: Any) -> None:
    """Saves a pytree of arrays atomically.

    If the same arrays are already there, nothing is touched; otherwise the old folder
    is removed once the new one is in place.

    Raises:
      UsageError: it cannot be written.
    """
    tree = jax.tree.map(_plain, tree)
    if jax.process_count() > 1:
        # Orbax would expect a part from each process. Each has the whole.
        tree = jax.tree.map(np.asarray, tree)
    with storing(path):
        _recover(path)
        if path.exists() and _holds(path, tree):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = beside(path, "tmp")
        for left in path.parent.glob(f"{temporary.name}*"):
            shutil.rmtree(left)
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(tree))
        if size > shutil.disk_usage(path.parent).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with _as_system_errors(path), _checkpointer() as checkpointer:
            checkpointer.save(temporary.absolute(), tree)
        write_sealed(temporary / CHECKSUMS, {"files": _digests(temporary)})
        _sync(temporary)
        old = beside(path, "old")
        if path.exists():
            # Left by a crash after the new folder was in place.
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
        temporary.rename(path)
        sync_folder(path.parent)
        shutil.rmtree(old, ignore_errors=True)
        mirrors.push(path)


def load_tree(path: Path, like: Any, remedy: str = RESTORE) -> Any:
    """Loads a pytree of arrays shaped like ``like`` (arrays or their shapes).

    The arrays are placed on the first local device, wherever they were when saved.

    Raises:
      UsageError: it is missing or damaged, or holds other arrays; the message gives
        ``remedy``.
    """
    _recover(path)
    kept = read_sealed(path / CHECKSUMS, remedy)["files"]
    found = _digests(path)
    for name, digest in kept.items():
        if found.get(name) != digest:
            raise damaged(path / name, "its checksum does not fit", remedy)
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def target(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    plain = jax.eval_shape(lambda tree: jax.tree.map(_plain, tree), like)
    try:
        with _checkpointer() as checkpointer:
            loaded = checkpointer.restore(path.absolute(), jax.tree.map(target, plain))
    # Its files are whole, so they hold something else; Orbax raises all kinds.
    except Exception as error:
        raise damaged(path, "it holds other arrays than expected", remedy) from error

    def again(leaf: Any, array: jax.Array) -> jax.Array:
        if not is_key(leaf):
            return array
        return jax.random.wrap_key_data(array, impl=GENERATOR)

    return jax.tree.map(again, like, loaded)


def _checkpointer() -> ocp.StandardCheckpointer:
    """A checkpointer for this process alone: only one reads and writes."""
    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=own, active_processes={own})
    return ocp.StandardCheckpointer(multiprocessing_options=alone)


def _holds(path: Path, tree: Any) -> bool:
    """Whether a folder is whole and has the very same arrays."""
    try:
        found = load_tree(path, tree, "")
    except UsageError:
        return False
    return jax.tree.all(
        jax.tree.map(
            lambda a, b: np.asarray(a).tobytes() == np.asarray(b).tobytes(), found, tree
        )
    )


def _recover(path: Path) -> None:
    """Undoes a replacement that was stopped between its two renamings."""
    old = beside(path, "old")
    if old.exists() and not path.exists():
        old.rename(path)


def _sync(path: Path) -> None:
    """Syncs a folder and all in it to disk; Orbax leaves that to the system."""
    for file in path.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                sync(opened.fileno())
        else:
            sync_folder(file)
    sync_folder(path)


def _digests(path: Path) -> dict[str, str]:
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != CHECKSUMS
    }


@contextlib.contextmanager
def _as_system_errors(path: Path) -> Iterator[None]:
    """Turns errors of Orbax and TensorStore into those of the operating system."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if found := _SYSTEM_ERROR.search(str(error)):
            number = int(found[1])
            raise failure(path, OSError(number, os.strerror(number))) from error
        if not os.access(path.parent, os.W_OK):
            raise failure(path, OSError(errno.EACCES, "no access")) from error
        raise


def _plain(leaf: Any) -> Any:
    """The numbers of a typed key; anything else unchanged."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def _steps(path: Path) -> list[int]:
    """Complete steps in ascending order; other names are no numbers."""
    if not path.is_dir():
        return []
    names = [child.name for child in path.iterdir() if child.is_dir()]
    return sorted(int(name) for name in names if _STEP.fullmatch(name))
