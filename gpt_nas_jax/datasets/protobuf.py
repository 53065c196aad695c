"""A reader for the wire format of Protocol Buffers."""

import struct
from collections.abc import Iterator

_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")


def read_fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Yields the (field number, value) pairs of one message, in stored order.

    A varint becomes an int (unsigned), a 64-bit or 32-bit field a float, and a
    length-delimited one (string, bytes, message) bytes.
    Source: https://protobuf.dev/programming-guides/encoding.

    Raises:
      ValueError: the bytes are not a complete message.
    """
    position = 0
    while position < len(message):
        tag, position = read_varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = read_varint(message, position)
            yield number, value
            continue
        if wire_type == 2:
            size, position = read_varint(message, position)
        elif wire_type in (1, 5):
            size = 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"field {number} has unknown wire type {wire_type}")
        end = position + size
        if end > len(message):
            raise ValueError(f"field {number} is cut short")
        data = message[position:end]
        position = end
        if wire_type == 2:
            yield number, data
        else:
            (decoded,) = (_DOUBLE if wire_type == 1 else _FLOAT).unpack(data)
            yield number, decoded


def read_varint(message: bytes, position: int) -> tuple[int, int]:
    """Returns the varint at a position, and the position after it."""
    value = 0
    for i, byte in enumerate(message[position : position + 10]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, position + i + 1
    raise ValueError(f"the integer at byte {position} does not end")
