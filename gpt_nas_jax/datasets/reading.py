"""Reads pictures of a folder into memory, or leaves them on disk."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from gpt_nas_jax.datasets import pictures, sides
from gpt_nas_jax.datasets.images import Images, ImageSet
from gpt_nas_jax.datasets.pictures import UnreadableError
from gpt_nas_jax.datasets.source import Source

MOST = 1 << 30
"""Bytes of decoded pictures, three per pixel, above which they stay on disk."""


@dataclasses.dataclass(frozen=True, eq=False)
class Read:
    """Pictures that were read, and failures.

    Attributes:
      failures: in the order of the pictures.
      images: makes an image set of the others, given their labels ``int32[M]``.
      streamed: whether they stay on disk.
      side: pixels that their short sides are resized to; 0 for no resizing.
      why: how the side was chosen; empty if it was given or there is none.
    """

    failures: list[UnreadableError]
    images: Callable[[np.ndarray], ImageSet]
    streamed: bool
    side: int
    why: str


def read(paths: Sequence[pathlib.Path], source: Source) -> Read:
    """Reads all pictures in one size: ``source.side``, or a chosen one.

    Without a side, headers are read first. If all sizes are equal, that size is kept;
    else the side is `sides.chosen`.
    """
    side, shape, why = source.side, (source.side, source.side), ""
    if not side:
        with source.progress("looking at sizes, pictures", len(paths)) as advance:
            found = sides.sizes(paths, advance)
        side = sides.chosen(found)
        shape = (side, side) if side else tuple(found.max(0, initial=0)[::-1].tolist())
        if side:
            why = _why(side, found)
    source = dataclasses.replace(source, side=side)
    streamed = source.stream == "yes"
    if source.stream == "auto":
        streamed = 3 * len(paths) * shape[0] * shape[1] > MOST
    made = (_on_disk if streamed else _in_memory)(paths, source, shape)
    return Read(*made, streamed, side, why)


def _why(side: int, found: np.ndarray) -> str:
    short = found.min(1)
    least, most = short.min(), short.max()
    limit = f", but {sides.MOST} at most" if side == sides.MOST else ""
    return (
        f"of several sizes, so each is resized to {side} pixels, the median of short "
        f"sides from {least} to {most}{limit} (--data_side=N for another)"
    )


Made = tuple[list[UnreadableError], Callable[[np.ndarray], ImageSet]]


def _in_memory(
    paths: Sequence[pathlib.Path], source: Source, shape: tuple[int, ...]
) -> Made:
    kept: list[np.ndarray] = []
    failures: list[UnreadableError] = []
    with source.progress("reading, pictures", len(paths)) as advance:
        for path in paths:
            try:
                kept.append(_of_shape(path, source.side, shape))
            except UnreadableError as error:
                failures.append(error)
            advance()
    return failures, lambda labels: Images(pictures.stack(kept), labels)


def _of_shape(path: pathlib.Path, side: int, shape: tuple[int, ...]) -> np.ndarray:
    """Reads a picture.

    Raises:
      UnreadableError: it cannot be read, or its size differs from its header's.
    """
    picture = pictures.read(path, side)
    if picture.shape[:2] != shape:
        height, width = picture.shape[:2]
        raise UnreadableError(
            path, f"it is {width}x{height}, its header says {shape[1]}x{shape[0]}"
        )
    return picture


def _on_disk(
    paths: Sequence[pathlib.Path], source: Source, shape: tuple[int, ...]
) -> Made:
    # Importing Grain takes a second, which pictures in memory should not cost.
    from gpt_nas_jax.datasets import survey
    from gpt_nas_jax.datasets.picture_files import PictureFiles

    facts = survey.of(paths, source)
    # If no header could be read, the shape is that of pictures that cannot be read.
    good = (facts.sizes == shape).all(1) & (facts.sizes > 0).all(1)
    failures: list[UnreadableError] = []
    for row in np.flatnonzero(~good):
        try:
            _of_shape(paths[row], source.side, shape)
        except UnreadableError as error:
            failures.append(error)
        else:
            reason = "it could be read only at the second attempt"
            failures.append(UnreadableError(paths[row], reason))
    facts = facts.take(np.flatnonzero(good))
    chosen = survey.encoded([paths[row] for row in np.flatnonzero(good)])

    def images(labels: np.ndarray) -> PictureFiles:
        size = (*shape, facts.channels)
        return PictureFiles(chosen, labels, facts, source.side, size, source.workers)

    return failures, images
