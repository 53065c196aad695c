"""Command lines with their flagfiles written out."""

import os
import re
from collections.abc import Iterator, Sequence

from gpt_nas_jax.types import UsageError

_OPTIONS = ("--flagfile", "-flagfile")
_COMMENTS = ("#", "//")


def expand(arguments: Sequence[str]) -> list[str]:
    """Replaces each ``--flagfile=FILE`` by the flags in that file.

    A flagfile is UTF-8 text, whatever the locale, with one flag per line. Empty lines
    and lines that begin with ``#`` or ``//`` are skipped, as is white space around a
    line. It may name further flagfiles, relative to the current directory.

    Args:
      arguments: a command line without the program's name. ``--flagfile FILE`` is
        understood as well; what follows ``--`` is left as it is.

    Raises:
      UsageError: a flagfile has no name, cannot be read, is not UTF-8 text or includes
        itself.
    """
    expanded: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        option, equals, name = argument.partition("=")
        if option in _OPTIONS:
            expanded += _flags((name if equals else next(rest, "")).strip(), ())
        else:
            expanded.append(argument)
        if argument == "--":
            expanded += rest
    return expanded


def _flags(name: str, outer: tuple[str, ...]) -> Iterator[str]:
    """The flags of a file; ``outer`` are the real paths of those that include it."""
    if not name:
        raise UsageError("--flagfile names no file; give --flagfile=FILE")
    path = os.path.realpath(os.path.expanduser(name))
    if path in outer:
        raise UsageError(
            f"--flagfile={name} includes itself, by way of {' and '.join(outer)}; "
            "remove one of these lines"
        )
    for line in _lines(name, path):
        option, equals, inner = line.partition("=")
        if equals and option in _OPTIONS:
            yield from _flags(inner.strip(), (*outer, path))
        else:
            yield line


def _lines(name: str, path: str) -> Iterator[str]:
    try:
        with open(path, "rb") as file:
            # Editors on Windows begin a file with a byte order mark.
            text = file.read().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"--flagfile={name} cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"--flagfile={name} is not UTF-8 text: {error.reason}"
        ) from error
    if "\0" in text:
        raise UsageError(f"--flagfile={name} is not text: it holds a zero byte")
    for line in re.split(r"\r\n|\r|\n", text):
        stripped = line.strip()
        if stripped and not stripped.startswith(_COMMENTS):
            # The form that Python gives an argument of these bytes in this locale.
            yield os.fsdecode(stripped.encode())
