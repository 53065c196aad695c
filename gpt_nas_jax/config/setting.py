"""One setting of a run, and the section it belongs to."""

import dataclasses
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass(frozen=True)
class Setting:
    """The help and the allowed values of a flag.

    Attributes:
      help: one or two sentences with unit and source.
      choices: allowed values, or None.
      low: smallest allowed value, or None.
      high: largest allowed value, or None.
      result: whether the value affects the result; all runs in a workdir share the
        values of such settings.
      path: whether the value is the path of a local file or folder. A path that has a
        default must not be empty.
      stores: URL schemes of the stores that may also hold such a folder.
      plugin: whether an import path, ``module:Name``, is allowed besides the choices.
    """

    help: str
    choices: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    result: bool = True
    path: bool = False
    stores: tuple[str, ...] = ()
    plugin: bool = False


class Section:
    """A part of the config, whose settings share a prefix."""

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among the settings of this section."""
        yield from ()


def setting(default: Any, help: str, **options: Any) -> Any:
    """A field of a config with its default; ``options`` are fields of `Setting`."""
    metadata = {"setting": Setting(help, **options)}
    return dataclasses.field(default=default, metadata=metadata)
