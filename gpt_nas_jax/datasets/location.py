"""Where a data set lies: on a disk, or on Google Cloud Storage."""

import os
import pathlib
from typing import Any, cast

from gpt_nas_jax import workdir
from gpt_nas_jax.plugins import one_line
from gpt_nas_jax.types import UsageError


def located(data_dir: str | os.PathLike[str]) -> pathlib.Path:
    """The path that ``--data_dir`` names.

    Of a URL it has the methods of a path, and reads the store.
    """
    text = os.fspath(data_dir)
    if "://" not in text:
        # Unlike pathlib's, it leaves the name of an unknown user as it is.
        return pathlib.Path(os.path.expanduser(text))
    from etils import epath

    return cast(pathlib.Path, epath.Path(text))


def is_on_store(path: pathlib.Path) -> bool:
    """Whether a path is one on a store."""
    return "://" in str(path)


def matching(path: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    """The files of a folder that match a pattern; none where there is no folder.

    Raises:
      UsageError: the store that it is on cannot be read.
    """
    if not is_on_store(path):
        # Of a name that no file can have, pathlib raises an error.
        return list(path.glob(pattern)) if os.path.isdir(path) else []
    try:
        return list(path.glob(pattern))
    except ImportError as error:
        raise UsageError(
            f"--data_dir={path} needs a package that is not installed "
            f"({one_line(error)}); install it by pip install 'gpt_nas_jax[gcs]'"
        ) from error
    # Each of the libraries between has errors of its own.
    except Exception as error:
        raise UsageError(
            f"--data_dir={path} cannot be read ({one_line(error)}); see that the "
            "bucket exists and that you may read it"
        ) from error


def exists(path: pathlib.Path) -> bool:
    """Whether something is on the disk there; of a store it is not asked."""
    return not is_on_store(path) and os.path.exists(path)


def cache(name: str) -> pathlib.Path:
    """This user's folder for what was found out of files by reading them."""
    return workdir.caches() / f"gpt_nas_jax_{name}"


def stamp(file: pathlib.Path) -> str:
    """A line that changes when the file does."""
    status: Any = file.stat()
    if is_on_store(file):
        return f"{file} {status.length} {status.mtime}\n"
    return f"{file.absolute()} {status.st_size} {status.st_mtime_ns}\n"
