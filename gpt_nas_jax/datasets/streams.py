"""Images on disk, streamed and decoded batch by batch with Grain."""

import contextlib
import dataclasses
import gc
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import grain
import jax
import numpy as np
from absl import flags

from gpt_nas_jax.datasets import example, pictures
from gpt_nas_jax.types import DataError

# Batches that a process prefetches.
_AHEAD = 2
_FEW = 64

Decode = Callable[[bytes, int], np.ndarray]
"""Maps an encoded image and its row to ``uint8[side, side, 3]``."""

Plan = Sequence[tuple[int, int]]
"""The images in order, each with 64 bits that seed its augmentation. It is sent to the
worker processes, so it may be computed there, entry by entry."""


def batches(source: Sequence[Any], batch: int, workers: int) -> Iterator[Any]:
    """Yields the items of a sequence in order, stacked into batches.

    Args:
      source: random access to arrays; is sent to the worker processes.
      batch: size of a batch; the last one may be smaller.
      workers: processes that read items; 0 for a thread of this one.
    """
    ahead = grain.ReadOptions(num_threads=1, prefetch_buffer_size=_AHEAD)
    stream = grain.MapDataset.source(source).batch(batch).to_iter_dataset(ahead)
    workers = min(workers, -(-len(source) // batch))
    if workers:
        _let_grain_read_flags()
        options = grain.MultiprocessingOptions(workers, _AHEAD)
        stream = stream.mp_prefetch(options, _begin_worker)
    found = iter(stream)
    try:
        yield from found
    finally:
        found.close()
        if workers:
            # A reference cycle in Grain keeps the last batch in shared memory.
            del found
            gc.collect()


@dataclasses.dataclass(frozen=True, eq=False)
class StoredImages:
    """Images in ArrayRecord files written by TFDS, with their classes.

    Attributes:
      records: the files as one sequence, each record an example.
      rows: ``int64[N]``, indices of the records.
      labels: ``int32[N]``.
      side: of decoded images, in pixels.
      workers: processes that decode; 0 for a thread of this one.
      mean: per channel, of pixels in [0, 1].
      std: likewise.
    """

    records: Sequence[bytes]
    rows: np.ndarray
    labels: np.ndarray
    side: int
    workers: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    whole: ClassVar[bool] = False
    """Whether `augmented` yields whole images, to be augmented on the device."""

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: np.ndarray) -> "StoredImages":
        """The images at ``indices`` (``int[M]``), in that order."""
        return dataclasses.replace(
            self, rows=self.rows[indices], labels=self.labels[indices]
        )

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels of each image."""
        return self.side, self.side, 3

    def pixels(self) -> np.ndarray:
        """All images, not augmented, ``uint8[N, H, W, C]``; meant for a few."""
        alone = dataclasses.replace(self, workers=0)
        return np.concatenate(list(alone.plain(_FEW)))

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation per channel, ``float32[C]`` each."""
        return np.array(self.mean, np.float32), np.array(self.std, np.float32)

    def highest(self) -> int:
        """See `ImageSet`."""
        return 255

    def plain(self, batch: int) -> Iterator[np.ndarray]:
        """The central crop of every image, ``uint8[batch, H, W, C]`` at a time."""
        return batches(_Centres(self), batch, self.workers)

    def augmented(
        self, batch: int, plan: Plan, flip: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Random crops of the images of a plan with their classes, batch by batch.

        The crop depends only on the image and its 64 bits. Each batch is
        ``uint8[batch, H, W, C]`` and ``int32[batch]``.
        """
        return batches(_Parts(self, plan, flip), batch, self.workers)


@dataclasses.dataclass(frozen=True, eq=False)
class _Centres:
    """Random access to central crops of images, also from worker processes."""

    images: StoredImages

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> np.ndarray:
        def decode(encoded: bytes, row: int) -> np.ndarray:
            return pictures.decode_centre(encoded, self.images.side)

        return _decoded(self.images, index, decode)


@dataclasses.dataclass(frozen=True, eq=False)
class _Parts:
    """Random access to random crops, according to a plan."""

    images: StoredImages
    plan: Plan
    flip: bool

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.int32]:
        image, bits = self.plan[index]

        def decode(encoded: bytes, row: int) -> np.ndarray:
            # NumPy would round a list with a number above 2**63 to float64.
            key = np.array([bits, row], np.uint64)
            random = np.random.Generator(np.random.Philox(key=key))
            return pictures.decode_random(encoded, self.images.side, self.flip, random)

        return _decoded(self.images, image, decode), self.images.labels[image]


def _decoded(images: StoredImages, index: int, decode: Decode) -> np.ndarray:
    row = int(images.rows[index])
    try:
        encoded, _ = example.read(images.records[row])
        return decode(encoded, row)
    # Neither ArrayRecord nor Pillow has its own error class.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(
            f"{images.records}: record {row} cannot be decoded: {reason}; fetch or "
            "prepare the data set again"
        ) from error


class Records(grain.sources.ArrayRecordDataSource):
    """ArrayRecord files as one sequence; can be pickled."""

    def __init__(self, files: Sequence[os.PathLike[str]]) -> None:
        _raise_open_files()
        super().__init__([os.fspath(file) for file in files])

    def __repr__(self) -> str:
        return os.path.dirname(self.paths[0])

    def labels(self, advance: Callable[[int], None]) -> np.ndarray:
        """Reads all labels, ``int32[N]``, in one pass over the files.

        Args:
          advance: called with the number of labels just read.
        """
        found = np.empty(len(self), np.int32)
        for begin in range(0, len(self), 256):
            rows = range(begin, min(begin + 256, len(self)))
            for row, record in zip(rows, self.__getitems__(rows), strict=True):
                _, found[row] = example.read(record)
            advance(len(rows))
        return found


def _begin_worker(index: int, count: int) -> None:
    """Sets up a worker process: its signals, exit with its parent, and device."""
    # The parent ends it, by request or by dying.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    # The accelerator belongs to the training process.
    jax.config.update("jax_platforms", "cpu")
    _raise_open_files()


def _let_grain_read_flags() -> None:
    # Grain's settings are flags in absl's global registry, which nothing parses here.
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def _raise_open_files() -> None:
    # Every shard stays open, and ImageNet has 1,024 of them.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
