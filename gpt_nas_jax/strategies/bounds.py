"""Fields of strategies whose values are bounded; see `settings.values`."""

import dataclasses
from typing import Any

import flax.struct


def at_least(low: int, default: Any = dataclasses.MISSING) -> Any:
    """A static field of integers from ``low`` on."""
    return flax.struct.field(pytree_node=False, metadata={"low": low}, default=default)


def share(default: float) -> Any:
    """A field of numbers in [0, 1]."""
    return flax.struct.field(metadata={"low": 0, "high": 1}, default=default)
