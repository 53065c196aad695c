"""A user's own images: a folder of pictures by class."""

import collections
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from gpt_nas_jax.datasets import layout, pictures
from gpt_nas_jax.datasets.images import Dataset, Images, Progress, with_test
from gpt_nas_jax.datasets.layout import Layout
from gpt_nas_jax.types import UsageError

# What --data_side is suggested at most, as usual for ImageNet.
_SIDE = 224


def load(data_dir: pathlib.Path, side: int, progress: Progress) -> Dataset:
    """Reads ``<data_dir>/train/<class>/`` and ``<data_dir>/test/<class>/``.

    The parts may be called ``training`` and ``testing``, too, in letters of either
    case. Without a test part ``val``, ``valid`` or ``validation`` takes its place;
    beside it, it is left alone. Where there is none of them, or no ``train`` but
    folders of classes at once, a fifth of each class is set aside for testing, the same
    in every run. A folder of one of these names that holds pictures itself is a class.

    Pictures in folders within a class belong to the class. Classes are numbered in the
    order of their names, images ordered by file name and then class. Hidden files and
    those that systems leave behind are ignored; the data set's note tells of all others
    that are not read.

    Args:
      data_dir: the folder.
      side: resize the short side to so many pixels and cut out the centre; 0 where
        all pictures are of one size.
      progress: shows how many pictures are read.

    Raises:
      UsageError: there is no such folder, it is not clear which folders in it are the
        parts, a class is empty or in one part only, or pictures cannot be read or are
        of several sizes.
    """
    found = layout.find(data_dir)
    parts = [part.pictures() for part in (found.train, found.test) if part]
    paths = [path for part in parts for path, _ in part]
    with progress("reading, pictures", len(paths)) as advance:
        pixels = pictures.stack(_read(paths, data_dir, side, advance))
    labels = np.array([label for part in parts for _, label in part], np.int32)
    images, count = Images(pixels, labels), len(parts[0])
    classes = tuple(found.train.classes)
    if found.test is None:
        whole = with_test("folder", len(classes), images, True, classes)
        train, test = whole.train, whole.test
    else:
        train = images.take(np.arange(count))
        test = images.take(np.arange(count, len(images)))
    return Dataset(
        name="folder",
        num_classes=len(classes),
        train=train,
        test=test,
        flip=True,
        classes=classes,
        note=_note(data_dir, found, classes, images.size, len(train), len(test)),
    )


def _read(
    paths: list[pathlib.Path],
    home: pathlib.Path,
    side: int,
    advance: Callable[[], None],
) -> list[np.ndarray]:
    """All pictures, or all that is wrong with them."""
    read: list[np.ndarray] = []
    failures: list[pictures.UnreadableError] = []
    sizes: dict[tuple[int, int], list[pathlib.Path]] = collections.defaultdict(list)
    for path in paths:
        try:
            picture = pictures.read(path, side)
        except pictures.UnreadableError as error:
            failures.append(error)
        else:
            height, width, _ = picture.shape
            sizes[width, height].append(path)
            read.append(picture)
        if failures or len(sizes) > 1:
            # They are of no use any more, and may be large.
            read.clear()
        advance()
    _check_read(failures, home)
    _check_sizes(sizes, home)
    return read


def _check_read(
    failures: Sequence[pictures.UnreadableError], home: pathlib.Path
) -> None:
    if len(failures) == 1:
        raise failures[0]
    if failures:
        each = [f"{_within(home, one.path)} ({one.reason})" for one in failures]
        raise UsageError(
            f"{len(failures)} pictures in {home} cannot be read: "
            f"{layout.listed(each)}; replace or remove them"
        )


def _check_sizes(
    sizes: dict[tuple[int, int], list[pathlib.Path]], home: pathlib.Path
) -> None:
    if len(sizes) == 1:
        return
    common = sorted(sizes.items(), key=lambda item: -len(item[1]))
    each = [
        f"{len(paths)} of {width}x{height} ({_within(home, paths[0])})"
        for (width, height), paths in common
    ]
    side = min(_SIDE, *(min(size) for size in sizes))
    raise UsageError(
        f"the pictures in {home} are of {len(sizes)} sizes: {layout.listed(each)}; "
        f"pass --data_side=N to cut all to NxN, for instance --data_side={side}"
    )


def _note(
    home: pathlib.Path,
    found: Layout,
    classes: tuple[str, ...],
    size: tuple[int, int, int],
    train: int,
    test: int,
) -> str:
    height, width, channels = size
    colours = "greyscale" if channels == 1 else "in colour"
    aside = "" if found.test else ", a fifth of each class"
    note = (
        f"{home}: {train + test} pictures of {len(classes)} classes "
        f"({layout.listed(classes)}), {width}x{height}, {colours}; {train} to train on "
        f"and {test} to test on{aside}"
    )
    left = []
    if found.left:
        names = layout.listed([_within(home, path) for path in found.left], 3)
        left.append(f"{layout.kinds(found.left)}: {names}")
    if found.unused:
        names = layout.listed([_unused(home, path) for path in found.unused], 3)
        noun = "folder" if len(found.unused) == 1 else "folders"
        left.append(f"the {noun} {names}")
    return f"{note}; left out: {'; '.join(left)}" if left else note


def _unused(home: pathlib.Path, path: pathlib.Path) -> str:
    name = _within(home, path)
    return name if layout.may_be_part(path) else f"{name} (no folders of classes)"


def _within(home: pathlib.Path, path: pathlib.Path) -> str:
    return layout.text(os.fspath(path.relative_to(home)))
