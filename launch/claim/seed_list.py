"""The seeds that a script is given."""

from gpt_nas_jax.types import UsageError

_MOST = 2**32


def seeds(text: str) -> tuple[int, ...]:
    """Seeds with commas between them.

    Raises:
      UsageError: one is no seed, or is there twice.
    """
    parts = text.split(",")
    found = tuple(
        int(part)
        for part in parts
        if part.isascii() and part.isdecimal() and int(part) < _MOST
    )
    if len({*found}) < len(parts):
        raise UsageError(
            f"--seeds={text}: give whole numbers from 0 to {_MOST - 1}, each once, "
            "with commas between them"
        )
    return found
