"""Command-line flags made from the fields of the config."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from absl import flags

from gpt_nas_jax.config import Config, Setting
from gpt_nas_jax.types import UsageError


@dataclasses.dataclass(frozen=True)
class Field:
    """One flag: ``<section>_<field>`` and the path to its value in the config."""

    name: str
    path: tuple[str, ...]
    default: Any
    setting: Setting


def fields(config: Config) -> Iterator[Field]:
    """All fields of a config with their values as defaults.

    A recipe's fields bear the name of the section it lies in.
    """
    yield from _fields(config, (), ())


def _fields(
    section: Any, path: tuple[str, ...], prefix: tuple[str, ...]
) -> Iterator[Field]:
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        inner = (*path, field.name)
        if dataclasses.is_dataclass(value):
            nested = prefix if field.name == "recipe" else (*prefix, field.name)
            yield from _fields(value, inner, nested)
        else:
            name = "_".join((*prefix, field.name))
            yield Field(name, inner, value, field.metadata["setting"])


def parse(argv: list[str]) -> Config | str:
    """Reads a command line, ``--flagfile`` included.

    Args:
      argv: the program's name, then its arguments. Of equal flags the last counts.

    Returns:
      The config, or the help text where ``--help`` is given.

    Raises:
      UsageError: an unknown flag, a value out of range, an argument that is no
        flag, a flagfile that is missing or no text.
    """
    values = flags.FlagValues()
    known = list(fields(Config()))
    for field in known:
        _define(field, values)
    flags.DEFINE_bool("help", False, "Show this help.", flag_values=values)
    try:
        rest = values(argv)[1:]
    except flags.Error as error:
        message = str(error).removeprefix("ERROR:: ")
        raise UsageError(" ".join(message.split())) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"a --flagfile is no text: {error}") from error
    if values["help"].value:
        return "Flags of gpt_nas_jax.main:\n" + values.get_help()
    if rest:
        raise UsageError(f"unexpected argument {rest[0]!r}; settings are --flag=value")
    return replace(Config(), {field.path: values[field.name].value for field in known})


def replace(config: Any, changes: Mapping[tuple[str, ...], Any]) -> Any:
    """A config with the values at these paths changed."""
    here: dict[str, Any] = {}
    for (name, *rest), value in changes.items():
        if rest:
            here.setdefault(name, {})[tuple(rest)] = value
        else:
            here[name] = value
    parts = {
        name: replace(getattr(config, name), value)
        if dataclasses.is_dataclass(getattr(config, name))
        else value
        for name, value in here.items()
    }
    return dataclasses.replace(config, **parts)


def to_text(config: Config) -> str:
    """The config as a flagfile with every flag."""
    return "".join(f"--{f.name}={_text(f.default)}\n" for f in fields(config))


def result_text(config: Config) -> dict[str, str]:
    """The flags that decide a run's result, name to value."""
    return {f.name: _text(f.default) for f in fields(config) if f.setting.result}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _define(field: Field, values: flags.FlagValues) -> None:
    setting, default = field.setting, field.default
    args = field.name, default
    if setting.choices:
        flags.DEFINE_enum(*args, setting.choices, setting.help, flag_values=values)
    elif isinstance(default, bool):
        flags.DEFINE_bool(*args, setting.help, flag_values=values)
    elif isinstance(default, str):
        flags.DEFINE_string(*args, setting.help, flag_values=values)
    else:
        number = isinstance(default, int)
        define = flags.DEFINE_integer if number else flags.DEFINE_float
        define(
            *args,
            setting.help,
            lower_bound=setting.low,
            upper_bound=setting.high,
            flag_values=values,
        )
        # The bounds let nan pass.
        flags.register_validator(
            field.name, math.isfinite, "must be finite", flag_values=values
        )
