"""Errors that end the program without being a defect."""

from gpt_nas_jax.exhaustion import is_exhausted
from gpt_nas_jax.types import Lost, UsageError


def ending(error: BaseException) -> tuple[str, int] | None:
    """The line for the user, never empty, and the exit code; None for a defect."""
    name = type(error).__name__
    if isinstance(error, UsageError):
        return str(error) or name, 2
    if isinstance(error, Lost):
        return error.line, error.exit_code
    if isinstance(error, OSError):
        # From files that the program does not write itself: a terminal, a cache.
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or str(error) or name}", 2
    if is_exhausted(error):
        reason = str(error).partition("\n")[0] or "the host has none left"
        remedy = "lower the batch size or --search_workers"
        return f"ran out of memory: {reason}; {remedy}", 2
    return None
