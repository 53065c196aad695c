"""Spaces that change some methods of another one."""

import dataclasses
from typing import Any

from gpt_nas_jax.types import Space


@dataclasses.dataclass(frozen=True)
class Wrapped:
    """Has all that the space within has; a subclass adds methods and replaces some.

    Attributes:
      space: within.
    """

    space: Space

    def __getattr__(self, name: str) -> Any:
        # Where it is unpickled, it is asked for methods before it has a space.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.space, name)
