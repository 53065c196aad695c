"""One setting of a run, and the section it belongs to."""

import dataclasses
import math
import numbers
import os
from collections.abc import Iterator
from typing import Any

from gpt_nas_jax import plugins


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

    def problem(self, name: str, value: Any, default: Any) -> str | None:
        """A line if the flag of this name must not have a value; None if it may."""
        kinds: tuple[type, ...] = (type(default),)
        if isinstance(default, float):
            kinds = (numbers.Real,)
        elif isinstance(default, int):
            kinds = (numbers.Integral,)
        elif self.path:
            kinds = (str, os.PathLike)
        if isinstance(value, bool) or not isinstance(value, kinds):
            wanted = type(default).__name__
            return f"--{name}={value!r} is of type {type(value).__name__}, not {wanted}"
        if self.choices is not None:
            own = self.plugin and plugins.is_path(value)
            if value not in self.choices and not own:
                path = ", or module:Name" if self.plugin else ""
                return f"--{name}={value}: give one of {', '.join(self.choices)}{path}"
            return None
        if not isinstance(value, numbers.Real):
            return None
        if not math.isfinite(value):
            return f"--{name}={value} must be finite"
        if self.low is not None and value < self.low:
            return f"--{name}={value} must be at least {self.low}"
        if self.high is not None and value > self.high:
            return f"--{name}={value} must be at most {self.high}"
        return None


class Section:
    """A part of the config, whose settings share a prefix."""

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among the settings of this section."""
        yield from ()


def setting(default: Any, help: str, **options: Any) -> Any:
    """A field of a config with its default; ``options`` are fields of `Setting`."""
    metadata = {"setting": Setting(help, **options)}
    return dataclasses.field(default=default, metadata=metadata)
