"""The layout of a user's picture folder: its parts, their classes, and the rest."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Sequence

from gpt_nas_jax.datasets import pictures
from gpt_nas_jax.types import UsageError

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation"), "valid"),
}
"""The part of a folder by its name in lower case."""

_IGNORED = {"__macosx", "thumbs.db", "desktop.ini"}
_NAMED = 10
_LAYOUT = "<data_dir>/train/<class>/<picture> and <data_dir>/test/<class>/<picture>"

Path = pathlib.Path


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a data set, with a folder for each class.

    Attributes:
      path: the folder of the part.
      classes: pictures by class, ordered by name.
      left: files that are not read.
    """

    path: Path
    classes: dict[str, list[Path]]
    left: list[Path]

    def pictures(self) -> list[tuple[Path, int]]:
        """Each picture and the number of its class, by file name and then class."""
        found = [
            (path, label)
            for label, paths in enumerate(self.classes.values())
            for path in paths
        ]
        return sorted(
            found, key=lambda item: (text(item[0].name), item[1], text(str(item[0])))
        )


@dataclasses.dataclass(frozen=True)
class Layout:
    """The parts of a user's folder, and the rest.

    Attributes:
      train: the training part; the folder itself if it has no parts.
      test: the test part, or None.
      left: files that are not read, including those in the parts.
      unused: folders next to the parts.
    """

    train: Part
    test: Part | None
    left: list[Path]
    unused: list[Path]


@dataclasses.dataclass(frozen=True)
class _Level:
    """The entries of a folder, sorted; hidden and system files are left out."""

    folders: list[Path]
    pictures: list[Path]
    others: list[Path]


def find(home: Path) -> Layout:
    """Finds the parts of a folder and their classes; reads no picture.

    Raises:
      UsageError: the folder or one in it cannot be read, its parts are ambiguous, or a
        class is empty or in one part only.
    """
    if not os.path.isdir(home):
        raise UsageError(f"{home} is not a folder; lay your pictures out as {_LAYOUT}")
    top = _level(home)
    parts = collections.defaultdict[str, list[Path]](list)
    for folder in top.folders:
        if (kind := _kind(folder)) and may_be_part(folder):
            parts[kind].append(folder)
    trains, tests = parts["train"], parts["test"] or parts["valid"]
    for found, what in ((trains, "training"), (tests, "test")):
        if len(found) > 1:
            raise UsageError(
                f"{listed([str(path) for path in found])} may each be the {what} part; "
                "rename or remove all but one"
            )
    if not trains:
        _check_no_parts(home, top, tests)
        train = _part(home, top)
        return Layout(train, None, train.left, [])
    if not tests:
        _check_train_is_a_part(home, top, trains[0])
    train = _part(trains[0], _level(trains[0]))
    test = _part(tests[0], _level(tests[0])) if tests else None
    left = [*top.pictures, *top.others, *train.left]
    if test:
        _check_same_classes(train, test)
        left += test.left
    unused = [path for path in top.folders if path not in (*trains, *tests)]
    return Layout(train, test, left, unused)


def listed(names: Sequence[str], most: int = _NAMED) -> str:
    """Joins the first few names with commas, and counts the rest."""
    more = [f"{len(names) - most} more"] if len(names) > most else []
    *before, last = [*names[:most], *more]
    return f"{', '.join(before)} and {last}" if before else last


def kinds(files: Sequence[Path]) -> str:
    """Counts files by suffix, with advice on how to make them readable."""
    counts = collections.Counter(path.suffix.lower() for path in files)
    return ", ".join(
        f"{count} {suffix or 'without a suffix'}"
        + (f" ({advice})" if (advice := pictures.advice(suffix)) else "")
        for suffix, count in sorted(counts.items(), key=lambda item: (-item[1], item))
    )


def text(name: str) -> str:
    """Decodes a file's name as UTF-8, whatever the locale."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def class_name(folder: Path) -> str:
    r"""The name of a folder's class; bytes that are not UTF-8 are escaped, ``\xe9``.

    Unlike paths, which are only read, classes are written into files.
    """
    return os.fsencode(folder.name).decode("utf-8", "backslashreplace")


def _kind(folder: Path) -> str | None:
    return _PARTS.get(folder.name.casefold())


def may_be_part(folder: Path) -> bool:
    """Whether it may hold folders of classes; a class holds pictures itself."""
    level = _level(folder)
    return not level.pictures or any(_below(inner)[0] for inner in level.folders)


def _check_no_parts(home: Path, top: _Level, tests: list[Path]) -> None:
    if tests:
        raise UsageError(
            f"there is {tests[0]}, but no {home / 'train'}; the layout is {_LAYOUT}"
        )
    if top.folders and all(map(_kind, top.folders)):
        names = listed([str(path) for path in top.folders])
        raise UsageError(
            f"no folders of classes in {names}; put each picture in a folder that is "
            f"named after its class: {_LAYOUT}"
        )


def _check_train_is_a_part(home: Path, top: _Level, train: Path) -> None:
    """Raises UsageError if it may be one of several classes, split into folders.

    Folders beside it that hold pictures themselves are left out with a note, as those
    without labels.
    """
    beside = [
        path
        for path in top.folders
        if not _kind(path) and not _level(path).pictures and _below(path)[0]
    ]
    if beside:
        others = listed([str(path) for path in beside])
        raise UsageError(
            f"{train} may be a part or, like {others}, a class; if it is a part, give "
            f"--data_dir={train} or add {home / 'test'}; if it is a class, rename it"
        )


def _check_no_parts_within(path: Path, folders: Sequence[Path]) -> None:
    """Raises UsageError if each class is split into parts."""
    are_split = False
    for level in map(_level, folders):
        parts = {*map(_kind, level.folders)}
        if level.pictures or not parts or None in parts:
            return
        are_split |= len(parts) > 1
    if are_split:
        raise UsageError(
            f"the folders in {path} hold parts, such as "
            f"{_level(folders[0]).folders[0]}; put the parts above the classes: "
            f"{_LAYOUT}"
        )


def _check_same_classes(train: Part, test: Part) -> None:
    differing = sorted({*train.classes} ^ {*test.classes})
    if differing:
        noun = "class" if len(differing) == 1 else "classes"
        raise UsageError(
            f"{noun} {listed([repr(name) for name in differing])}: in one of "
            f"{train.path} and {test.path} only; both need a folder for each class"
        )


def _part(path: Path, level: _Level) -> Part:
    folders = level.folders
    if len(folders) < 2:
        one = "folder of a class" if len(folders) == 1 else "folders of classes"
        nested = len(folders) == 1 and len(_level(folders[0]).folders) > 1
        hint = f", or --data_dir={folders[0]} is meant" if nested else ""
        raise UsageError(
            f"{path} holds {len(folders)} {one}, at least two are needed; the layout "
            f"is {_LAYOUT}{hint}"
        )
    _check_no_parts_within(path, folders)
    classes, left = {}, [*level.pictures, *level.others]
    for folder in folders:
        found, others = _below(folder)
        if not found:
            but = f", but {kinds(others)}" if others else ""
            raise UsageError(
                f"{folder} holds no picture (one of {' '.join(pictures.suffixes())})"
                f"{but}"
            )
        classes[class_name(folder)] = found
        left += others
    return Part(path, classes, left)


def pictures_below(folder: Path) -> list[Path]:
    """The pictures of a folder, then those of the folders in it, by name."""
    return _below(folder)[0]


def _below(folder: Path, above: tuple[str, ...] = ()) -> tuple[list[Path], list[Path]]:
    """Pictures and other files of a folder and of the folders in it."""
    real = os.path.realpath(folder)
    # A link to a parent folder.
    if real in above:
        return [], []
    level = _level(folder)
    found, others = [*level.pictures], [*level.others]
    for inner in level.folders:
        more, rest = _below(inner, (*above, real))
        found += more
        others += rest
    return found, others


def _level(folder: Path) -> _Level:
    try:
        names = sorted(os.listdir(folder), key=text)
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from error
    level = _Level([], [], [])
    for name in names:
        if name.startswith(".") or name.casefold() in _IGNORED:
            continue
        path = folder / name
        if os.path.isdir(path):
            level.folders.append(path)
        elif path.suffix.lower() in pictures.suffixes():
            level.pictures.append(path)
        else:
            level.others.append(path)
    return level
