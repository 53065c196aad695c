"""Base classes of spaces that wrap another one."""

import dataclasses
from typing import Any

from gpt_nas_jax.types import Space


class Delegating:
    """Delegates to ``space``; subclasses have this field, and other methods."""

    space: Space

    def __getattr__(self, name: str) -> Any:
        # Unpickling looks up methods before the field exists.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.space, name)


@dataclasses.dataclass(frozen=True)
class Wrapped(Delegating):
    """A space that wraps another one; subclasses add or override methods.

    Attributes:
      space: the wrapped space.
    """

    space: Space
