"""Parses TFDS records of an image and its class without TensorFlow."""

from gpt_nas_jax.datasets.protobuf import read_fields, read_varint


def read(record: bytes) -> tuple[bytes, int]:
    """The encoded image and the label of a serialised ``tf.train.Example``.

    Raises:
      ValueError: the record is not an example, or lacks one of them.
    """
    values = {}
    for features in _parts(record, 1):
        for entry in _parts(features, 1):
            pair = dict(read_fields(entry))
            if pair.get(1) in (b"image", b"label") and isinstance(pair.get(2), bytes):
                values[pair[1]] = _value(pair[2])
    match values.get(b"image"), values.get(b"label"):
        case bytes(image), int(label):
            # Varints are read as unsigned, but a missing label is -1.
            return image, label - (1 << 64) if label >> 63 else label
    raise ValueError("the record holds no image with a label")


def _value(feature: bytes) -> bytes | int | None:
    """The first bytes value (field 1) or integer (field 3) of a feature."""
    for kind, values in read_fields(feature):
        for number, value in read_fields(values) if isinstance(values, bytes) else ():
            # Integers may be packed or not.
            if kind == 3 and number == 1 and isinstance(value, bytes):
                return read_varint(value, 0)[0]
            if kind in (1, 3) and number == 1 and not isinstance(value, float):
                return value
    return None


def _parts(message: bytes, field: int) -> list[bytes]:
    return [
        value
        for number, value in read_fields(message)
        if number == field and isinstance(value, bytes)
    ]
