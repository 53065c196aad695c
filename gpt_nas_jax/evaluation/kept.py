"""Weights of candidates whose training may continue."""

import collections
import threading
from collections.abc import Hashable
from typing import Any

import jax

_MOST = 2**30
"""Bytes of the host's memory."""


class Kept:
    """Pytrees of arrays by name, in the host memory of this process.

    The oldest are dropped once all together exceed a GiB. Threads may share it. Sent to
    another process, it is empty.
    """

    def __init__(self, most: int = _MOST) -> None:
        """Starts empty; holds at most ``most`` bytes."""
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
        """Removes and returns a tree; None if it is not there."""
        with self._lock:
            return self._take(name)

    def _take(self, name: Hashable) -> Any | None:
        tree = self._trees.pop(name, None)
        self._size -= _bytes(tree)
        return tree


def _bytes(tree: Any) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))
