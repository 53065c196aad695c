"""JSON files: strict, and sealed where the program reads them again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpt_nas_jax.workdir.files import RESTORE, damaged, write_text

_CHECKSUM = "checksum"


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file atomically.

    Raises:
      ValueError: a number in it is not finite, which JSON cannot express.
    """
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path, remedy: str = RESTORE) -> Any:
    """Reads a JSON file.

    Raises:
      UsageError: it is missing or damaged; the message gives ``remedy``.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise damaged(path, error.strerror or "unreadable", remedy) from error
    except ValueError as error:
        raise damaged(path, "not JSON", remedy) from error


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON object with a checksum of it."""
    write_json(path, {**value, _CHECKSUM: _checksum(value)})


def read_sealed(path: Path, remedy: str = RESTORE) -> dict[str, Any]:
    """Reads what `write_sealed` wrote.

    Raises:
      UsageError: it is missing or damaged; the message gives ``remedy``.
    """
    value = read_json(path, remedy)
    if not isinstance(value, dict) or _CHECKSUM not in value:
        raise damaged(path, "no checksum", remedy)
    if value.pop(_CHECKSUM) != _checksum(value):
        raise damaged(path, "its checksum does not fit", remedy)
    return value


def _checksum(value: Mapping[str, Any]) -> str:
    # As it reads back: a tuple is a list then.
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
