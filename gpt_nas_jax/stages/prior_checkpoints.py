"""Checkpoints of a prior that is still being learned."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import interruption, workdir
from gpt_nas_jax.prior.learning import State


class Checkpoints:
    """The last state of one learning of the GPT, saved as ``<step>/``."""

    def __init__(self, path: Path, every: int) -> None:
        """Keeps states in a folder.

        Args:
          path: the folder.
          every: updates between two saved states, at least; 0 saves none.
        """
        self._path = path
        self._every = every
        self._last = 0
        self._latest: State | None = None

    def load(self, start: State) -> State:
        """Loads the last saved state; returns ``start`` if none was saved.

        Raises:
          UsageError: it is damaged.
        """
        remedy = f"remove {self._path}: the same command learns from the start"
        like = jax.tree.map(_to_disk, start)
        found = workdir.load_latest(self._path, like, remedy)
        if found is None:
            return start
        self._last, saved = found
        return jax.tree.map(_from_disk, start, saved)

    def save_due(self, state: State) -> None:
        """Saves the state if enough updates were made since the last one saved."""
        self._latest = state
        if self._every and state.step - self._last >= self._every:
            self._save(state)

    @contextlib.contextmanager
    def saved_when_stopped(self) -> Iterator[None]:
        """Saves the latest state if a signal ends the context."""
        try:
            yield
        except interruption.Stopped:
            if self._every and self._latest and self._latest.step > self._last:
                self._save(self._latest)
            raise

    def _save(self, state: State) -> None:
        step = int(state.step)
        workdir.save_step(self._path, step, jax.tree.map(_to_disk, state))
        self._last = step


def _to_disk(leaf: Any) -> Any:
    """The leaf with float64 as pairs of uint32: JAX restores no 64-bit numbers."""
    return leaf.view(np.uint32) if leaf.dtype == np.float64 else leaf


def _from_disk(like: Any, saved: Any) -> Any:
    """Undoes `_to_disk`; what was a NumPy array in ``like`` is one again."""
    if not isinstance(like, np.ndarray):
        return saved
    return np.asarray(saved).view(like.dtype)
