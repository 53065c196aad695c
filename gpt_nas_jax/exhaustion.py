"""Out-of-memory errors."""

import gc
import traceback

import jax

# XLA's CPU backend calls it an internal error where a program's own space is missing.
_SIGNS = ("RESOURCE_EXHAUSTED", "Out of memory")


def is_exhausted(error: BaseException) -> bool:
    """Whether an error means that host or device ran out of memory."""
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    is_jax = isinstance(error, jax.errors.JaxRuntimeError)
    return is_jax and any(sign in text for sign in _SIGNS)


def release(error: BaseException) -> None:
    """Releases all that is held by the frames an error has passed through."""
    left, seen = [error], set()
    while left:
        error = left.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        # A cleared frame still holds what its function closes over.
        error.__traceback__ = None
        left += [e for e in (error.__cause__, error.__context__) if e is not None]
    # Frames and errors may hold each other.
    gc.collect()
