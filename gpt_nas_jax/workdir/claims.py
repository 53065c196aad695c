"""Which run a working directory belongs to."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import mirrors
from gpt_nas_jax.workdir.extension import LEDGER, extend
from gpt_nas_jax.workdir.files import claimed, storing, write_text
from gpt_nas_jax.workdir.mirrors import FLAGS
from gpt_nas_jax.workdir.structured import read_sealed, write_sealed

RUNGS = "rungs.jsonl"
REFERENCE = "reference.json"

# What a search leaves before the first of its candidates has a fitness.
_FAILED = (LEDGER, RUNGS, "search", REFERENCE)
DEPENDS = "depends.json"
# What a run with other flags would lose.
_RESULTS = (
    *("result.json", "best", "retrain", "baseline", "tables", "rows"),
    *("trainings.jsonl", "scores.jsonl", "scores.npz"),
)

_NONE: Mapping[str, int] = {}


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Makes a directory and keeps other processes out while the context lasts.

    Raises:
      UsageError: another process is in it, or it cannot be made or written.
    """
    with contextlib.ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((path / ".lock").open("ab"))
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
        stack.enter_context(claimed(path))
        yield


@contextlib.contextmanager
def opened(
    path: Path,
    flags: str,
    result_flags: Mapping[str, str],
    least: Mapping[str, int] = _NONE,
) -> Iterator[None]:
    """Claims a directory for one run while the context lasts.

    Args:
      path: made where it is missing.
      flags: the run's flagfile, kept as `FLAGS`.
      result_flags: those of them that decide the result.
      least: flags among them that may change to this number or more: the search
        continues from its ledger.

    Raises:
      UsageError: the directory cannot be written, or belongs to a run with other
        flags, to something else, or to a process that is still running.
    """
    with locked(path):
        check(path, result_flags, least)
        kept = flags_in(path / FLAGS)
        same = kept is not None and not _differing(kept, result_flags)
        if not same and result_in(path):
            extend(path)
            # The state of a strategy is as large as its search.
            remove(path, ("search",))
        if not result_in(path):
            # Candidates and reference networks may have failed because of a limit that
            # has been lifted since, or of a proxy that has been corrected.
            remove(path, _FAILED)
        write_text(path / FLAGS, flags)
        yield


def check(
    path: Path, result_flags: Mapping[str, str], least: Mapping[str, int] = _NONE
) -> None:
    """Raises UsageError where a directory belongs to something else.

    That is a run with other flags that has results, or files that no run has left. A
    run none of whose candidates has a fitness yet may be started again with other
    flags; those that failed are tried again. Changes nothing, so that it can be called
    before any work.
    """
    # Names that are too long are found here, too.
    with storing(path):
        results = result_in(path)
        held = results or _held(path)
    if not held:
        return
    kept = flags_in(path / FLAGS)
    if kept is None:
        if held == FLAGS:
            raise UsageError(f"{path / FLAGS} is no run's; choose another --workdir")
        raise UsageError(
            f"--workdir={path} holds {held}, but {FLAGS} is missing or damaged; "
            "restore it or choose another directory"
        )
    missing = [f"--{name}" for name in result_flags if name not in kept]
    if missing:
        rest = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise UsageError(
            f"{path / FLAGS} is damaged, of another version or no run's: it lacks "
            f"{missing[0]}{rest}; restore it or choose another --workdir"
        )
    differing = _differing(kept, result_flags, least)
    if results and differing:
        raise UsageError(
            f"--workdir={path} belongs to a run with other flags "
            f"({'; '.join(differing)}); choose another directory or those flags"
        )


def keep_same(path: Path, name: str, value: str, began: str = "code") -> None:
    """Keeps a text that a claimed directory's results depend on besides the flags.

    Args:
      path: the directory, claimed.
      name: of the text.
      value: the text.
      began: the user's name for what the text comes from.

    Raises:
      UsageError: the directory holds results that were made with another text.
    """
    file = path / DEPENDS
    remedy = f"remove {file} if the {began} of its {name} is the one that began the run"
    kept = read_sealed(file, remedy) if file.exists() else {}
    if kept.get(name) == value:
        return
    if name in kept and (results := result_in(path)):
        raise UsageError(
            f"--workdir={path} holds {results} of another {name}: its {began} has "
            f"changed since; choose another directory, or restore the {began} "
            "that the run began with"
        )
    write_sealed(file, {**kept, name: value})


def remove(path: Path, names: Iterable[str]) -> None:
    """Removes files and folders of a workdir, by their names, where they exist.

    Raises:
      UsageError: one cannot be removed.
    """
    with storing(path):
        for name in names:
            if (path / name).is_dir():
                shutil.rmtree(path / name)
            else:
                (path / name).unlink(missing_ok=True)
        mirrors.push(path)


def require_writable(flag: str, path: Path) -> None:
    """Raises UsageError if a folder, or a file in it, cannot be made."""
    with storing(path):
        while not path.exists():
            path = path.parent
    if not path.is_dir() or not os.access(path, os.W_OK):
        raise UsageError(f"{flag}: {path} is not a writable folder")


def require_file(flag: str, path: Path) -> None:
    """Raises UsageError if a file cannot be written there."""
    require_writable(flag, path.parent)
    if path.is_dir():
        raise UsageError(f"{flag}={path} is a folder; name a file")


def read_flags(path: Path) -> dict[str, str]:
    """The flags of the run in a directory, as texts; changes nothing.

    Raises:
      UsageError: it is no directory of a run.
    """
    found = flags_in(path / FLAGS)
    if found is None:
        raise UsageError(f"{path} is not a run's folder: it has no readable {FLAGS}")
    return found


def flags_in(path: Path) -> dict[str, str] | None:
    """Reads the flags of a flagfile as strings; None if it is missing or not text."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    lines = [line for line in text.splitlines() if line.startswith("--")]
    found = dict(line.removeprefix("--").partition("=")[::2] for line in lines)
    return found or None


def _differing(
    kept: Mapping[str, str],
    result_flags: Mapping[str, str],
    least: Mapping[str, int] = _NONE,
) -> list[str]:
    return [
        f"--{name} is {value!r}, was {kept.get(name)!r}"
        for name, value in result_flags.items()
        if kept.get(name) != value and not (name in least and int(value) >= least[name])
    ]


def result_in(path: Path) -> str | None:
    """Returns the name of a result in a directory, or None if it holds none.

    A ledger is named only if the directory holds no other result.
    """
    controls = sorted(file.name for file in path.glob("trainings-*.jsonl"))
    for name in (*_RESULTS, *controls):
        if (path / name).exists():
            return name
    kept = (name for name in (LEDGER, RUNGS) if _has_fitness(path / name))
    return next(kept, None)


def _held(path: Path) -> str | None:
    """The name of a file or folder that a search would replace, or None."""
    if (path / FLAGS).exists() and (path / FLAGS).stat().st_size:
        return FLAGS
    return next((name for name in _FAILED if (path / name).exists()), None)


def _has_fitness(path: Path) -> bool:
    """Whether a ledger has an evaluation that did not fail, or cannot be read."""
    if not path.exists():
        return False
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            return True
        if not isinstance(record, dict) or record.get("fitness") is not None:
            return True
    return False
