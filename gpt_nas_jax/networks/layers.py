"""The four kinds of layers of the paper's Table I, and their text form."""

import dataclasses
import re
from typing import ClassVar, TypeAlias

from gpt_nas_jax.types import UsageError

Size: TypeAlias = tuple[int, int, int]
"""Height, width and channels of one image or feature map."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """The fields of every layer.

    Attributes:
      id: position of the layer in its network, from 0.
      in_size: height, width, channels of the (first) input.
      out_size: height, width, channels of the output.
    """

    kind: ClassVar[str]
    id: int
    in_size: Size
    out_size: Size


@dataclasses.dataclass(frozen=True)
class Conv(Layer):
    """A convolution; padding is top, bottom, left, right."""

    kind: ClassVar[str] = "conv"
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: int
    groups: int
    bias: bool


@dataclasses.dataclass(frozen=True)
class Pool(Layer):
    """A pooling; ``type`` is ``max`` or ``avg``, padding as in `Conv`."""

    kind: ClassVar[str] = "pool"
    type: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: int


@dataclasses.dataclass(frozen=True)
class FullyConnected(Layer):
    """A fully connected layer over the channels; after flattening, sizes are 1x1."""

    kind: ClassVar[str] = "fc"
    bias: bool


@dataclasses.dataclass(frozen=True)
class Other(Layer):
    """BatchNorm, an activation, a sum, ...: a name and its parameter values."""

    kind: ClassVar[str] = "other"
    name: str
    value: tuple[int | float, ...]


KINDS: dict[str, type[Layer]] = {
    layer.kind: layer for layer in (Conv, Pool, FullyConnected, Other)
}
_SEPARATOR = {
    "in_size": "x",
    "out_size": "x",
    "kernel": "x",
    "stride": "x",
    "padding": ",",
    "value": ",",
}
_TYPES = {"max", "avg"}


def to_text(layer: Layer) -> str:
    """Formats a layer as ``kind name=value ...``; `from_text` parses it."""
    fields = [
        f"{field.name}={_format(field.name, getattr(layer, field.name))}"
        for field in dataclasses.fields(layer)
    ]
    return " ".join([layer.kind, *fields])


def from_text(text: str) -> Layer:
    """Parses the text form of one layer.

    Raises:
      UsageError: the text names no known kind, or a field is missing, unknown
        or malformed.
    """
    kind, *parts = text.split() or [""]
    if kind not in KINDS:
        raise UsageError(f"layer '{text}': kind must be one of {', '.join(KINDS)}")
    given = [part.partition("=")[::2] for part in parts]
    names = [field.name for field in dataclasses.fields(KINDS[kind])]
    if [name for name, _ in given] != names:
        raise UsageError(f"layer '{text}': expected the fields {', '.join(names)}")
    try:
        return KINDS[kind](**{name: _parse(name, value) for name, value in given})
    except ValueError as error:
        raise UsageError(f"layer '{text}': {error}") from error


def _format(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return _SEPARATOR[name].join(map(repr, value))
    return str(value)


def _parse(name: str, text: str) -> object:
    match name:
        case "bias":
            return {"yes": True, "no": False}[_one_of(text, {"yes", "no"})]
        case "type":
            return _one_of(text, _TYPES)
        case "name":
            if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
                raise ValueError(f"'{text}' is not a name")
            return text
        case "value":
            return tuple(map(_number, text.split(","))) if text else ()
        case "padding":
            return _integers(text, ",", 4)
        case "in_size" | "out_size":
            return _integers(text, "x", 3)
        case "kernel" | "stride":
            return _integers(text, "x", 2)
        case _:
            return int(text)


def _one_of(text: str, allowed: set[str]) -> str:
    if text not in allowed:
        raise ValueError(f"'{text}' is not one of {', '.join(sorted(allowed))}")
    return text


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)


def _integers(text: str, separator: str, count: int) -> tuple[int, ...]:
    values = tuple(int(part) for part in text.split(separator))
    if len(values) != count:
        raise ValueError(f"'{text}' should hold {count} integers")
    return values
