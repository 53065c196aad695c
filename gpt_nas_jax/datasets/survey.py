"""Surveys pictures on disk in one pass: which are readable, and their statistics."""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import PIL

from gpt_nas_jax import workdir
from gpt_nas_jax.datasets import location, moments, pictures, streams
from gpt_nas_jax.datasets.pictures import UnreadableError
from gpt_nas_jax.datasets.source import Source
from gpt_nas_jax.types import UsageError

# Height, width, channels, the brightest pixel, sums and squares of three channels.
_COLUMNS = 10
_SUMS = 4
_DIGEST = 16
_BATCH = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Facts:
    """Statistics of N decoded pictures.

    Attributes:
      rows: ``int64[N, 10]``, zeros for an unreadable picture.
    """

    rows: np.ndarray

    def take(self, indices: np.ndarray) -> "Facts":
        """Those of the pictures at ``indices``, ``int[M]``."""
        return Facts(self.rows[indices])

    @property
    def sizes(self) -> np.ndarray:
        """``int64[N, 2]``: height and width."""
        return self.rows[:, :2]

    @property
    def channels(self) -> int:
        """3 if any picture has colours, else 1."""
        return int(self.rows[:, 2].max())

    @property
    def highest(self) -> int:
        """Value of the brightest pixel."""
        return int(self.rows[:, 3].max())

    def moments(self, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of all pixels in [0, 1], ``float32[channels]`` each."""
        total = self.rows[:, _SUMS:].sum(0).reshape(2, 3)[:, :channels]
        return moments.of_sums(int(self.sizes.prod(1).sum()), total)


def of(paths: Sequence[pathlib.Path], source: Source) -> Facts:
    """Decodes each picture once, in worker processes, unless its facts are cached.

    `location.cache` holds them for files of the same path, size and time. Unreadable
    pictures are tried again by every call.
    """
    names = _names(paths, source.side)
    file = location.cache("pictures") / f"{_home(source)}.npy"
    rows = _kept(file, names)
    missing = np.flatnonzero(~rows.any(1))
    if not len(missing):
        return Facts(rows)
    files = _Files(encoded([paths[row] for row in missing]), source.side)
    with source.progress("checking, pictures", len(missing)) as advance:
        begin = 0
        for part in streams.batches(files, _BATCH, source.workers):
            rows[missing[begin : begin + len(part)]] = part
            begin += len(part)
            advance(len(part))
    there = rows.any(1)
    # If facts cannot be cached, pictures are decoded again next time.
    with contextlib.suppress(UsageError):
        kept = np.hstack([names.view(np.int64), rows])[there]
        workdir.write_array(file, kept)
    return Facts(rows)


def encoded(paths: Sequence[pathlib.Path]) -> np.ndarray:
    """Paths as one array of bytes, which is small and fast to send."""
    return np.array([os.fsencode(path) for path in paths])


@dataclasses.dataclass(frozen=True, eq=False)
class _Files:
    """Random access to the facts of pictures, also from worker processes."""

    paths: np.ndarray
    side: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        row = np.zeros(_COLUMNS, np.int64)
        path = pathlib.Path(os.fsdecode(self.paths[index].item()))
        with contextlib.suppress(UnreadableError):
            pixels = pictures.read(path, self.side)
            row[:4] = *pixels.shape, pixels.max()
            # For greyscale, the sums are broadcast to all three channels.
            row[_SUMS:].reshape(2, 3)[:] = moments.sums(pixels[None])
        return row


def _home(source: Source) -> str:
    """The cache key of a folder's facts."""
    home = os.path.realpath(source.dir)
    # Other versions, of Pillow too, may decode differently.
    text = f"{home} {source.side} {PIL.__version__} {pictures.VERSION}"
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _names(paths: Sequence[pathlib.Path], side: int) -> np.ndarray:
    """``int64[N, 2]``: hashes of the files' path, size and time."""
    digests = b"".join(
        hashlib.blake2b(_stamp(path), digest_size=_DIGEST).digest() for path in paths
    )
    return np.frombuffer(digests, np.int64).reshape(-1, 2)


def _stamp(path: pathlib.Path) -> bytes:
    try:
        return os.fsencode(location.stamp(path))
    # Decoding reports why it cannot be read.
    except OSError:
        return os.fsencode(path)


def _kept(file: pathlib.Path, names: np.ndarray) -> np.ndarray:
    """``int64[N, 10]``: the cached facts, zeros for the rest."""
    rows = np.zeros((len(names), _COLUMNS), np.int64)
    with contextlib.suppress(UsageError):
        kept = workdir.read_array(file)
        if kept.dtype != np.int64 or kept.shape[1:] != (2 + _COLUMNS,):
            return rows
        places = {name.tobytes(): place for place, name in enumerate(kept[:, :2])}
        found = np.array([places.get(name.tobytes(), -1) for name in names])
        there = found >= 0
        rows[there] = kept[found[there], 2:]
    return rows
