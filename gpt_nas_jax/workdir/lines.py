"""Lines of JSON, each with a checksum that covers the line before."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

START = "0" * 16
"""In place of the checksum before the first line."""
_SEALED = re.compile(rb'(\{.*), "checksum": "([0-9a-f]{16})"\}')


def sealed(record: Mapping[str, Any], last: str) -> tuple[bytes, str]:
    """The line of a record with its end, and its checksum.

    Args:
      record: a JSON object.
      last: the checksum of the line before.

    Raises:
      ValueError: a number in it is not finite, which JSON cannot express.
    """
    text = json.dumps(record, allow_nan=False).encode()
    checksum = _checksum(text, last)
    return text[:-1] + f', "checksum": "{checksum}"}}\n'.encode(), checksum


def unsealed(line: bytes, last: str) -> tuple[bytes, str] | None:
    """The text of the record in a line without its end, and the line's checksum.

    None where the line is damaged, or does not follow the one whose checksum ``last``
    is.
    """
    matched = _SEALED.fullmatch(line)
    if matched is None:
        return None
    text, found = matched[1] + b"}", matched[2].decode()
    return (text, found) if found == _checksum(text, last) else None


def _checksum(text: bytes, last: str) -> str:
    return hashlib.sha256(last.encode() + text).hexdigest()[:16]
