"""A digest of a strategy's settings, to recognise its search."""

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from gpt_nas_jax.keys import is_key

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits; equal in every process for equal settings.

    Reads numbers, text, arrays, and what holds them: sequences, mappings, dataclasses
    and other pytrees. Of any other object only the name of its class counts, since its
    representation may hold an address.
    """
    return hashlib.sha256(_text(value).encode()).hexdigest()[:16]


def _text(value: Any) -> str:
    kind = type(value).__qualname__
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return f"{kind}={value!r}"
    if isinstance(value, jax.Array) and is_key(value):
        value = jax.random.key_data(value)
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return f"{value.dtype}{value.shape}={content}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
        return f"{kind}({_texts(fields)})"
    if isinstance(value, Mapping):
        return f"{{{_texts(sorted(value.items(), key=lambda item: str(item[0])))}}}"
    if isinstance(value, tuple | list):
        return f"({','.join(map(_text, value))})"
    if not jax.tree_util.all_leaves([value]):
        leaves, structure = jax.tree.flatten(value)
        return f"{_ADDRESS.sub('', str(structure))}({','.join(map(_text, leaves))})"
    return getattr(value, "__qualname__", kind)


def _texts(items: list[tuple[Any, Any]]) -> str:
    return ",".join(f"{name}:{_text(value)}" for name, value in items)
