"""Objects of a store, such as Google Cloud Storage or S3, by fsspec."""

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gpt_nas_jax.plugins import one_line
from gpt_nas_jax.types import Lost, UsageError

Answer = TypeVar("Answer")

_EXTRAS = {"gs": "gcs", "s3": "s3"}
_WAITS = (0.5, 1, 2, 4, 8, 16, 32)
"""Seconds between tries; clients of stores try a few times by themselves."""
_REFUSALS = (FileNotFoundError, PermissionError)
"""Errors that are not retried."""


class Objects:
    """The objects whose names begin with a URL. Names are relative to it."""

    def __init__(self, url: str) -> None:
        """Connects to a store; looks at nothing yet.

        Raises:
          UsageError: the store is of an unknown kind, or its package is missing.
        """
        self.url = url.rstrip("/")
        self._perseveres = False
        self._answers = True
        self._pause = threading.Event()
        kind = url.partition("://")[0]
        try:
            import fsspec

            # A listing must show objects that another process has just created.
            own = {"use_listings_cache": False, "skip_instance_cache": True}
            # By default gcsfs does not verify transfers.
            checked = {"consistency": "md5"} if kind == "gs" else {}
            self._store = fsspec.filesystem(kind, **own, **checked)
        except ImportError as error:
            raise UsageError(
                f"--workdir={url} needs a package that is not installed "
                f"({one_line(error)}); install it by pip install "
                f"'gpt_nas_jax[{_EXTRAS.get(kind, kind)}]'"
            ) from error
        except Exception as error:
            raise self._failure(error) from error

    def persevere(self) -> None:
        """From now on, retries failed requests for a minute.

        After that, `Lost` is raised instead of `UsageError`.
        """
        self._perseveres = True

    def create(self, name: str, data: bytes) -> bool:
        """Creates an object; returns False if it exists.

        One that holds the same data counts as created: the answer to a first try may
        have been lost.
        """
        return self._ask(self._create, self._path(name), data)

    def read(self, name: str) -> bytes | None:
        """Returns the content of an object, or None if it does not exist."""
        return self._ask(self._read, self._path(name))

    def names(self, folder: str = "") -> list[str]:
        """All objects in a folder and in the folders in it, sorted."""
        start = len(self._store._strip_protocol(self.url)) + 1
        found = self._ask(self._find, self._path(folder))
        return sorted(path[start:] for path in found)

    def upload(self, files: Mapping[str, Path]) -> None:
        """Makes or replaces objects, each as a whole."""
        paths = [self._path(name) for name in files]
        self._ask(self._store.put, [str(path) for path in files.values()], paths)

    def download(self, files: Mapping[str, Path]) -> None:
        """Writes objects to paths; folders are made."""
        for path in files.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        paths = [self._path(name) for name in files]
        self._ask(self._store.get, paths, [str(path) for path in files.values()])

    def remove(self, names: Sequence[str]) -> None:
        """Removes objects in order; ignores those that are gone already."""
        for name in names:
            self._ask(self._remove, self._path(name))

    def _create(self, path: str, data: bytes) -> bool:
        try:
            self._store.pipe_file(path, data, mode="create")
        except Exception:
            # Each store has its own error for an object that is there.
            found = self._read(path)
            if found is None:
                raise
            return found == data
        return True

    def _read(self, path: str) -> bytes | None:
        try:
            data: bytes = self._store.cat_file(path)
        except FileNotFoundError:
            return None
        return data

    def _find(self, path: str) -> list[str]:
        try:
            found: list[str] = self._store.find(path)
        except FileNotFoundError:
            return []
        return found

    def _remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._store.rm_file(path)

    def _path(self, name: str) -> str:
        return f"{self.url}/{name}".rstrip("/")

    def _ask(self, action: Callable[..., Answer], *args: Any) -> Answer:
        """Calls an action with retries; its error says in one line why it failed."""
        waits = _WAITS if self._perseveres and self._answers else ()
        for wait in (*waits, None):
            try:
                answer = action(*args)
                self._answers = True
                return answer
            except Exception as error:
                if wait is None or isinstance(error, _REFUSALS):
                    self._answers = False
                    raise self._failure(error) from error
                self._pause.wait(wait)
        raise AssertionError("the last try returns or raises")

    def _failure(self, error: Exception) -> UsageError | Lost:
        if self._perseveres:
            return Lost(f"{self.url} does not answer ({one_line(error)})")
        return UsageError(
            f"{self.url} cannot be used ({one_line(error)}); if the bucket exists and "
            "you may write to it, start the same command again"
        )
