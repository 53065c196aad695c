"""A digest of the settings of a strategy or a space, to recognise a search."""

import dataclasses
import enum
import functools
import hashlib
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from gpt_nas_jax.keys import is_key

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits; equal in every process for equal settings.

    Reads numbers, text, paths, enumerations, arrays, and what holds them: sequences,
    sets, mappings, dataclasses, partial functions and other pytrees. Fields of a
    dataclass that its equality ignores do not count. Of any other object only the name
    of its class counts, since its representation may hold an address.
    """
    return hashlib.sha256(_text(value).encode()).hexdigest()[:16]


def _text(value: Any) -> str:
    kind = type(value).__qualname__
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return f"{kind}={value!r}"
    if isinstance(value, jax.Array) and is_key(value):
        value = jax.random.key_data(value)
    if isinstance(value, enum.Enum | pathlib.PurePath):
        return f"{kind}={value!s}"
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        # Its bytes are addresses.
        return f"{value.shape}{_text(value.tolist())}"
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return f"{value.dtype}{value.shape}={content}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [
            (field.name, getattr(value, field.name, None))
            for field in dataclasses.fields(value)
            if field.compare
        ]
        return f"{kind}({_texts(fields)})"
    if isinstance(value, Mapping):
        return f"{{{_texts(sorted(value.items(), key=lambda item: str(item[0])))}}}"
    if isinstance(value, functools.partial):
        return _text((value.func, value.args, value.keywords))
    if isinstance(value, set | frozenset):
        return f"{{{','.join(sorted(map(_text, value)))}}}"
    if isinstance(value, tuple | list):
        return f"({','.join(map(_text, value))})"
    if not jax.tree_util.all_leaves([value]):
        leaves, structure = jax.tree.flatten(value)
        return f"{_ADDRESS.sub('', str(structure))}({','.join(map(_text, leaves))})"
    return getattr(value, "__qualname__", kind)


def _texts(items: list[tuple[Any, Any]]) -> str:
    return ",".join(f"{name}:{_text(value)}" for name, value in items)
