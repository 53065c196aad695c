"""Locations of data sets: on disk, or on Google Cloud Storage."""

import os
import pathlib
from typing import Any, cast

from gpt_nas_jax import workdir
from gpt_nas_jax.plugins import one_line
from gpt_nas_jax.types import UsageError


def located(data_dir: str | os.PathLike[str]) -> pathlib.Path:
    """The path of ``--data_dir``; for a URL, a path-like object on the store."""
    text = os.fspath(data_dir)
    if "://" not in text:
        # Unlike pathlib's, it accepts an unknown user.
        return pathlib.Path(os.path.expanduser(text))
    from etils import epath

    return cast(pathlib.Path, epath.Path(text))


def is_on_store(path: pathlib.Path) -> bool:
    """Whether a path is a URL on a store."""
    return "://" in str(path)


def matching(path: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    """The files of a folder that match a pattern; none if there is no folder.

    Raises:
      UsageError: the store cannot be read.
    """
    if not is_on_store(path):
        # For an invalid file name, pathlib raises an error.
        return list(path.glob(pattern)) if os.path.isdir(path) else []
    try:
        return list(path.glob(pattern))
    except ImportError as error:
        raise UsageError(
            f"--data_dir={path} needs a package that is not installed "
            f"({one_line(error)}); install it by pip install 'gpt_nas_jax[gcs]'"
        ) from error
    # Each of the libraries involved has its own error classes.
    except Exception as error:
        raise UsageError(
            f"--data_dir={path} cannot be read ({one_line(error)}); see that the "
            "bucket exists and that you may read it"
        ) from error


def exists(path: pathlib.Path) -> bool:
    """Whether a path exists on disk; False on a store."""
    return not is_on_store(path) and os.path.exists(path)


def cache(name: str) -> pathlib.Path:
    """The user's cache folder for facts read from files."""
    return workdir.caches() / f"gpt_nas_jax_{name}"


def stamp(file: pathlib.Path) -> str:
    """A line that changes when the file does."""
    status: Any = file.stat()
    if is_on_store(file):
        return f"{file} {status.length} {status.mtime}\n"
    return f"{file.absolute()} {status.st_size} {status.st_mtime_ns}\n"
