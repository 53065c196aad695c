"""User images in a folder of pictures by class."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from gpt_nas_jax.datasets import layout, pictures, reading
from gpt_nas_jax.datasets.images import Dataset, ImageSet, with_test
from gpt_nas_jax.datasets.layout import Layout
from gpt_nas_jax.datasets.reading import Read
from gpt_nas_jax.datasets.source import Source
from gpt_nas_jax.types import UsageError


def load(source: Source) -> Dataset:
    """Reads ``<data_dir>/train/<class>/`` and ``<data_dir>/test/<class>/``.

    The parts may also be called ``training`` and ``testing``, in upper or lower case.
    Without a test part, ``val``, ``valid`` or ``validation`` takes its place; otherwise
    that is ignored. If there is none of them, or the folder holds classes directly, a
    fifth of each class is held out for testing, the same in every run. A folder with
    one of these names that holds pictures itself is a class.

    Pictures in folders within a class belong to the class. Classes are numbered in the
    order of their names; images are ordered by file name, then class. Hidden and system
    files are ignored; the data set's note lists all others that are not read.

    If the source sets a side, the short side of each picture is resized to it and the
    centre cut out; if it does not, and sizes differ, a side is chosen. Unreadable
    pictures are skipped if the source says so. More than `reading.MOST` bytes of
    decoded pictures stay on disk, unless the source says otherwise.

    Raises:
      UsageError: there is no such folder, its parts are ambiguous, a class is empty or
        in one part only, or pictures cannot be read.
    """
    data_dir = source.dir
    found = layout.find(data_dir)
    parts = [part.pictures() for part in (found.train, found.test) if part]
    read = reading.read([path for part in parts for path, _ in part], source)
    failures = read.failures
    if failures and not source.skip_unreadable:
        raise _unreadable(failures, data_dir)
    bad = {one.path for one in failures}
    parts = [[one for one in part if one[0] not in bad] for part in parts]
    labels = np.array([label for part in parts for _, label in part], np.int32)
    classes = tuple(found.train.classes)
    for place, part in zip((found.train, found.test), parts, strict=False):
        for number in {*range(len(classes))} - {label for _, label in part}:
            lost = next(
                folder
                for folder in place.path.iterdir()
                if layout.class_name(folder) == classes[number]
            )
            own = [one for one in failures if lost in one.path.parents]
            raise UsageError(f"nothing is left of {lost}: {_unreadable(own, data_dir)}")
    images, count = read.images(labels), len(parts[0])
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
        note=_note(data_dir, found, classes, read, train, test),
        side=read.side,
    )


def _unreadable(
    failures: Sequence[pictures.UnreadableError], home: pathlib.Path
) -> UsageError:
    if len(failures) == 1:
        return failures[0]
    return UsageError(
        f"{len(failures)} pictures in {home} cannot be read: "
        f"{layout.listed(_reasons(failures, home))}; replace or remove them"
    )


def _reasons(
    failures: Sequence[pictures.UnreadableError], home: pathlib.Path
) -> list[str]:
    return [f"{_within(home, one.path)} ({one.reason})" for one in failures]


def _note(
    home: pathlib.Path,
    found: Layout,
    classes: tuple[str, ...],
    read: Read,
    train: ImageSet,
    test: ImageSet,
) -> str:
    (height, width, channels), failures = train.size, read.failures
    colours = "greyscale" if channels == 1 else "in colour"
    aside = "" if found.test else ", a fifth of each class"
    note = (
        f"{home}: {len(train) + len(test)} pictures of {len(classes)} classes "
        f"({layout.listed(classes)}), {width}x{height}, {colours}; {len(train)} to "
        f"train on and {len(test)} to test on{aside}"
    )
    if read.why:
        note = f"{note}; {read.why}"
    if read.streamed:
        note = f"{note}; left on disk and decoded batch by batch"
    left = []
    if failures:
        names = layout.listed(_reasons(failures, home), 3)
        left.append(f"{len(failures)} that cannot be read: {names}")
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
