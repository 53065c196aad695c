"""One setting of a run, and what its flag says of it."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a flag says of itself.

    Attributes:
      help: one line with unit and source.
      choices: allowed values, or None.
      low: smallest allowed value, or None.
      high: largest allowed value, or None.
      result: whether another value gives another result; a workdir holds runs of
        equal values only.
      path: whether the value is the path of a local file or folder; one with a default
        must not be empty.
      plugin: whether an import path, ``module:Name``, may stand in place of a choice.
    """

    help: str
    choices: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    result: bool = True
    path: bool = False
    plugin: bool = False


def setting(default: Any, help: str, **options: Any) -> Any:
    """A field of a config with its default and, in `Setting`'s words, its options."""
    metadata = {"setting": Setting(help, **options)}
    return dataclasses.field(default=default, metadata=metadata)
