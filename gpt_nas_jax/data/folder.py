"""A user's own images: a folder of pictures by class."""

import pathlib
from collections.abc import Callable

import numpy as np

from gpt_nas_jax.data import pictures
from gpt_nas_jax.data.images import Dataset, Images, Progress, with_test
from gpt_nas_jax.types import UsageError

_TESTS = ("test", "val", "valid")
_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".ppm", ".pgm"),
)
_LAYOUT = "<data_dir>/train/<class>/<picture> and <data_dir>/test/<class>/<picture>"


def load(data_dir: pathlib.Path, side: int, progress: Progress) -> Dataset:
    """Reads ``<data_dir>/train/<class>/`` and ``<data_dir>/test/<class>/``.

    Without ``test``, ``val`` or ``valid`` is the test part; beside it, it is left
    alone. Where there is none of them, or no ``train`` but folders of classes at once,
    a fifth of each class is set aside for testing, the same in every run. Classes are
    numbered in the order of their names, images ordered by file name and then class.
    Files of other kinds and hidden ones are left alone.

    Args:
      data_dir: the folder.
      side: resize the short side to so many pixels and cut out the centre; 0 where
        all pictures are of one size.
      progress: shows how many pictures are read.

    Raises:
      UsageError: there is no such folder, a class is empty or in one part only, or a
        picture cannot be read or is of another size.
    """
    if not data_dir.is_dir():
        raise UsageError(f"{data_dir} is no folder; lay your pictures out as {_LAYOUT}")
    tests = [data_dir / name for name in _TESTS if (data_dir / name).is_dir()]
    train = data_dir / "train"
    if tests and not train.is_dir():
        raise UsageError(
            f"there is {tests[0]}, but no {train}; the layout is {_LAYOUT}"
        )
    home = train if train.is_dir() else data_dir
    classes = _classes(home)
    parts = [home, *tests[:1]]
    for part in parts[1:]:
        if differing := {*classes} ^ {*_classes(part)}:
            raise UsageError(
                f"class {min(differing)!r} is in one of {home} and {part} only; both "
                "need a folder for each class"
            )
    files = [_files(part, classes) for part in parts]
    paths = [path for part in files for path, _ in part]
    with progress("reading, pictures", len(paths)) as advance:
        pixels = pictures.stack(_read(paths, side, advance))
    labels = np.array([label for part in files for _, label in part], np.int32)
    images, count = Images(pixels, labels), len(files[0])
    if len(parts) == 1:
        return with_test("folder", len(classes), images, True, tuple(classes))
    return Dataset(
        name="folder",
        num_classes=len(classes),
        train=images.take(np.arange(count)),
        test=images.take(np.arange(count, len(images))),
        flip=True,
        classes=tuple(classes),
    )


def _classes(part: pathlib.Path) -> list[str]:
    names = sorted(
        path.name
        for path in part.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )
    if len(names) < 2:
        raise UsageError(
            f"{part} holds {len(names)} folders of classes, two are the least; the "
            f"layout is {_LAYOUT}"
        )
    return names


def _files(part: pathlib.Path, classes: list[str]) -> list[tuple[pathlib.Path, int]]:
    found = []
    for label, name in enumerate(classes):
        paths = [
            path
            for path in (part / name).iterdir()
            if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
        ]
        if not paths:
            raise UsageError(
                f"{part / name} holds no picture (one of {' '.join(_SUFFIXES)})"
            )
        found += [(path, label) for path in paths]
    return sorted(found, key=lambda item: (item[0].name, item[1]))


def _read(
    paths: list[pathlib.Path], side: int, advance: Callable[[], None]
) -> list[np.ndarray]:
    read = []
    for path in paths:
        picture = pictures.read(path, side)
        read.append(picture)
        if picture.shape[:2] != read[0].shape[:2]:
            (h, w), (height, width) = read[0].shape[:2], picture.shape[:2]
            raise UsageError(
                f"{path} is {width}x{height}, {paths[0]} is {w}x{h}; pass "
                f"--data_side=N to cut all to NxN, for instance "
                f"--data_side={min(h, w, height, width)}"
            )
        advance()
    return read
