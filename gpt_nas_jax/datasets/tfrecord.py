"""Reads TFRecord files without TensorFlow."""

import os
import pathlib
import struct
from collections.abc import Iterator

import google_crc32c

from gpt_nas_jax.types import UsageError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")


def read_records(path: pathlib.Path) -> Iterator[bytes]:
    """Yields the records of a TFRecord file in order, one in memory at a time.

    Each record is preceded by its length (uint64) and a masked CRC-32C of that length,
    and followed by a masked CRC-32C of the record, all little-endian.
    Source: https://www.tensorflow.org/tutorials/load_data/tfrecord.

    Raises:
      UsageError: the file cannot be opened, is truncated, or a checksum differs; the
        message contains the byte offset of the damaged record.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            offset = 0
            while offset < size:
                header = file.read(_HEADER.size)
                if len(header) < _HEADER.size:
                    raise _damaged(path, offset, "is cut short")
                length, length_checksum = _HEADER.unpack(header)
                if _masked_checksum(header[:8]) != length_checksum:
                    raise _damaged(path, offset, "has a length of wrong checksum")
                end = offset + _HEADER.size + length + _FOOTER.size
                if end > size:
                    raise _damaged(path, offset, "is cut short")
                record = file.read(length)
                (checksum,) = _FOOTER.unpack(file.read(_FOOTER.size))
                if _masked_checksum(record) != checksum:
                    raise _damaged(path, offset, "has a wrong checksum")
                yield record
                offset = end
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _masked_checksum(data: bytes) -> int:
    # TFRecord masks the CRC because the CRC of data that holds its own CRC is weak.
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _damaged(path: pathlib.Path, offset: int, fault: str) -> UsageError:
    return UsageError(
        f"{path}: the record at byte {offset} {fault}; the file is damaged or no "
        "TFRecord file: fetch it again"
    )
