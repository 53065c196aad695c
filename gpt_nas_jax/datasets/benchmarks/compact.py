"""Compact ``.npz`` files of a benchmark: columns of known types, and a checksum."""

import hashlib
import io
import pathlib
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gpt_nas_jax.types import UsageError

N = None
"""In the shape of a column: the number of cells."""

ANY = -1
"""In the shape of a column: any size."""

Column = tuple[npt.DTypeLike, tuple[int | None, ...]]
"""The type and shape that a column must have."""


_CHECKSUM = "sha256"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# zipfile raises RuntimeError if a damaged header requires an unsupported feature;
# numpy's headers are parsed as Python.
_DAMAGED = (
    *(ValueError, EOFError, OSError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


class ObjectsError(UsageError):
    """Columns hold Python objects, which would have to be unpickled.

    Attributes:
      names: of these columns, sorted.
    """

    def __init__(self, path: pathlib.Path, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"{path} holds Python objects, not numbers, in {', '.join(names)}; fetch "
            "or import it again"
        )


def read(
    path: pathlib.Path,
    benchmark: str,
    declared: Mapping[str, Column],
    optional: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """Reads the declared columns of a file, which may hold others, too.

    Args:
      path: with any suffix.
      benchmark: the expected contents, for messages.
      declared: name to type and shape; the first column's shape begins with `N`.
      optional: names of columns that may be missing.

    Raises:
      UsageError: the file cannot be read, is damaged, lacks a column, has one of the
        wrong type or shape, or has a checksum that differs.
    """
    columns = load(path, declared)
    if absent := declared.keys() - columns.keys() - {*optional}:
        missing = ", ".join(sorted(absent))
        raise UsageError(f"{path}: no {benchmark} file: it lacks {missing}")
    n = columns[next(iter(declared))].shape[:1]
    for name, column in columns.items():
        dtype, shape = declared[name]
        expected = (*n, *shape[1:]) if shape[:1] == (N,) else shape
        if column.dtype != dtype or not _fits(column.shape, expected):
            raise UsageError(
                f"{path}: no {benchmark} file: {name} is {column.dtype}"
                f"{column.shape}, not {np.dtype(dtype)}{expected}"
            )
    return columns


def to_bytes(columns: Mapping[str, np.ndarray]) -> bytes:
    """Serialises columns and their checksum as a compact file.

    Equal columns in the same order give equal bytes, since numpy writes no timestamp.
    """
    checksum = np.frombuffer(digest(columns), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **columns, **{_CHECKSUM: checksum})
    return buffer.getvalue()


def digest(columns: Mapping[str, np.ndarray]) -> bytes:
    """Returns the SHA-256 of columns and their names, independent of their order."""
    sha = hashlib.sha256()
    for name in sorted(columns):
        column = columns[name]
        sha.update(f"{name} {column.dtype.str} {column.shape}\n".encode())
        sha.update(column.tobytes())
    return sha.digest()


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(
        wanted in (size, ANY) for size, wanted in zip(shape, expected, strict=True)
    )


def load(path: pathlib.Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """Reads the wanted columns that exist; verifies the checksum if there is one.

    Raises:
      ObjectsError: a column that is read holds Python objects.
      UsageError: the file cannot be read or is damaged, or its checksum differs.
    """
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if not zipfile.is_zipfile(content):
        raise UsageError(f"{path}: no .npz file, or a truncated one: fetch it again")
    try:
        with zipfile.ZipFile(content) as archive:
            # Of `ops` and `ops.npy`, the latter, which sorts last, is the column.
            members = {
                name.removesuffix(".npy"): name for name in sorted(archive.namelist())
            }
            checked = _CHECKSUM in members
            columns = {
                name: _load_column(archive, members[name])
                for name in (members if checked else members.keys() & {*wanted})
            }
    except _DAMAGED as error:
        raise UsageError(f"{path}: damaged, fetch it again: {error}") from error
    if objects := sorted(name for name, column in columns.items() if column is None):
        raise ObjectsError(path, objects)
    if checked and columns.pop(_CHECKSUM).tobytes() != digest(columns):
        raise UsageError(
            f"{path}: its columns are not those it was written with (the checksum "
            "differs); fetch or import it again"
        )
    return {name: columns[name] for name in wanted if name in columns}


def _load_column(archive: zipfile.ZipFile, member: str) -> np.ndarray | None:
    """The column of a member, or None if it holds Python objects."""
    # Read as a whole before parsing, since the CRC is checked only at the end.
    file = io.BytesIO(archive.read(member))
    # Version 3 of the format is for Unicode field names, which no column has.
    read_header = _HEADERS.get(np.lib.format.read_magic(file))
    if read_header is not None:
        _, _, dtype = read_header(file)
        if dtype.hasobject:
            return None
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
