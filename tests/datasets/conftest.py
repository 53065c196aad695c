"""A TFRecord writer that shares no code with the package's reader."""

import pathlib
import struct
from collections.abc import Callable, Sequence

import pytest

CASTAGNOLI = 0x82F63B78


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (CASTAGNOLI if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _masked(crc: int) -> bytes:
    rotated = (crc >> 15) + (crc % 2**15) * 2**17
    return struct.pack("<I", (rotated + 0xA282EAD8) % 2**32)


@pytest.fixture(scope="session")
def write_records() -> Callable[[pathlib.Path, Sequence[bytes]], list[int]]:
    """Writes records to a path; returns the byte offsets at which they start and end.

    There is one more offset than records: the last one is the file's size.
    """

    def write(path: pathlib.Path, records: Sequence[bytes]) -> list[int]:
        content, offsets = bytearray(), [0]
        for record in records:
            length = struct.pack("<Q", len(record))
            content += length + _masked(_crc32c(length))
            content += record + _masked(_crc32c(record))
            offsets.append(len(content))
        path.write_bytes(content)
        return offsets

    return write
