"""Objects of a store, such as Google Cloud Storage or S3, by fsspec."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gpt_nas_jax.plugins import one_line
from gpt_nas_jax.types import UsageError

_EXTRAS = {"gs": "gcs", "s3": "s3"}


class Objects:
    """The objects whose names begin with a URL. Names are relative to it."""

    def __init__(self, url: str) -> None:
        """Connects to a store; looks at nothing yet.

        Raises:
          UsageError: the store is of an unknown kind, or its package is missing.
        """
        self.url = url.rstrip("/")
        kind = url.partition("://")[0]
        try:
            import fsspec

            # A listing must show what another process has just made.
            own = {"use_listings_cache": False, "skip_instance_cache": True}
            self._store = fsspec.filesystem(kind, **own)
        except ImportError as error:
            raise UsageError(
                f"--workdir={url} needs a package that is not installed "
                f"({one_line(error)}); install it by pip install "
                f"'gpt_nas_jax[{_EXTRAS.get(kind, kind)}]'"
            ) from error
        except Exception as error:
            raise self._failure(error) from error

    def create(self, name: str, data: bytes) -> bool:
        """Makes an object that is not there yet, or returns False.

        One that holds the same data is taken for made: the answer to a first try may
        have been lost.
        """
        try:
            self._store.pipe_file(self._path(name), data, mode="create")
        except Exception as error:
            # Each store has its own error for an object that is there.
            found = self.read(name)
            if found is None:
                raise self._failure(error) from error
            return found == data
        return True

    def read(self, name: str) -> bytes | None:
        """The content of an object; None where there is none."""
        with self._asked():
            try:
                return self._store.cat_file(self._path(name))
            except FileNotFoundError:
                return None

    def names(self, folder: str = "") -> list[str]:
        """All objects whose names begin with a folder's, sorted."""
        with self._asked():
            try:
                found = self._store.find(self._path(folder))
            except FileNotFoundError:
                return []
        start = len(self._store._strip_protocol(self.url)) + 1
        return sorted(path[start:] for path in found)

    def upload(self, files: Mapping[str, Path]) -> None:
        """Makes or replaces objects, each as a whole."""
        with self._asked():
            paths = [self._path(name) for name in files]
            self._store.put([str(path) for path in files.values()], paths)

    def download(self, files: Mapping[str, Path]) -> None:
        """Writes objects to paths; folders are made."""
        with self._asked():
            for path in files.values():
                path.parent.mkdir(parents=True, exist_ok=True)
            paths = [self._path(name) for name in files]
            self._store.get(paths, [str(path) for path in files.values()])

    def remove(self, names: Sequence[str]) -> None:
        """Removes objects; those that are gone already do not count."""
        with self._asked():
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    self._store.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self.url}/{name}".rstrip("/")

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        """Says in one line why a store could not do as asked."""
        try:
            yield
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> UsageError:
        return UsageError(
            f"{self.url} cannot be used ({one_line(error)}); if the bucket exists and "
            "you may write to it, start the same command again"
        )
