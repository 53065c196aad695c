"""Unpickles plain data without executing code."""

import collections
import io
import pickle
import re
from typing import Any

import numpy as np


def loads(content: bytes) -> Any:
    """Unpickles numbers, strings and containers of these.

    NumPy scalars become Python numbers.

    Raises:
      ValueError: the bytes are not a pickle, or a pickle of anything else.
    """
    try:
        return _Unpickler(io.BytesIO(content)).load()
    # Bytes that are not a pickle may raise any error.
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"no pickle of plain data: {reason}") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise ValueError(f"it names {module}.{name}")
        return _ALLOWED[module, name]


class _ScalarType:
    """Stands in for ``numpy.dtype``, which could describe much more."""

    def __init__(self, code: str, align: bool, copy: bool) -> None:
        del align, copy
        self._code = code
        self._byte_order = "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._byte_order = state[1]

    def parse(self, content: bytes) -> bool | int | float:
        """The number that these bytes encode."""
        text = self._byte_order + self._code
        if not re.fullmatch("[<>|][biuf][1248]", text):
            raise ValueError(f"a scalar of type {text!r}")
        (value,) = np.frombuffer(content, text).tolist()
        return value


def _scalar(kind: _ScalarType, content: bytes) -> bool | int | float:
    """Stands in for numpy's ``scalar`` function."""
    return kind.parse(content)


_ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("numpy", "dtype"): _ScalarType,
    # The module was renamed in numpy 2.
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}
