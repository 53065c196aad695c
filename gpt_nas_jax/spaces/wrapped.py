"""A base class of spaces that wrap another one."""

import dataclasses
from typing import Any

from gpt_nas_jax.types import Space


@dataclasses.dataclass(frozen=True)
class Wrapped:
    """Delegates to the wrapped space; subclasses add or override methods.

    Attributes:
      space: the wrapped space.
    """

    space: Space

    def __getattr__(self, name: str) -> Any:
        # Unpickling looks up methods before the field exists.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.space, name)
