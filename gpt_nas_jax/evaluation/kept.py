"""Weights of candidates that may be trained on."""

import collections
import threading
from collections.abc import Hashable
from typing import Any

import jax

_MOST = 2**30
"""Bytes of the host's memory."""


class Kept:
    """Trees of arrays by name, in the memory of this process alone.

    Those that were put in first give way once all together are larger than a GiB.
    Threads may share it. Another process begins with an empty one.
    """

    def __init__(self, most: int = _MOST) -> None:
        """Holds nothing yet, and never more than ``most`` bytes."""
        self._most, self._size = most, 0
        self._lock = threading.Lock()
        self._trees: collections.OrderedDict[Hashable, Any] = collections.OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._most,)

    def put(self, name: Hashable, tree: Any) -> None:
        """Keeps a copy of a tree on the host."""
        tree = jax.device_get(tree)
        with self._lock:
            self._take(name)
            self._trees[name] = tree
            self._size += _bytes(tree)
            while self._size > self._most:
                self._take(next(iter(self._trees)))

    def take(self, name: Hashable) -> Any | None:
        """Returns a tree, which is kept no longer; None where it is not there."""
        with self._lock:
            return self._take(name)

    def _take(self, name: Hashable) -> Any | None:
        tree = self._trees.pop(name, None)
        self._size -= _bytes(tree)
        return tree


def _bytes(tree: Any) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))
