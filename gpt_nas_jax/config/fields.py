"""The settings of a config as flags: listed, replaced, written and read."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

from gpt_nas_jax.config import Config
from gpt_nas_jax.config.setting import Setting
from gpt_nas_jax.types import UsageError


@dataclasses.dataclass(frozen=True)
class Field:
    """One flag: ``<section>_<field>`` and the path to its value in the config."""

    name: str
    path: tuple[str, ...]
    default: Any
    setting: Setting


def of(config: Config) -> Iterator[Field]:
    """All fields of a config with their values as defaults.

    A recipe's fields are named after the section that holds it.
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


def beside_defaults(config: Config) -> Iterator[tuple[Field, Any]]:
    """All fields of a config, each with the value that it has by default."""
    for field, own in zip(of(config), of(Config()), strict=True):
        yield field, own.default


def problems(config: Config) -> Iterator[str]:
    """Yields a line for each value that its flag must not have."""
    for field, default in beside_defaults(config):
        problem = field.setting.problem(field.name, field.default, default)
        if problem is not None:
            yield problem


def check(config: Config) -> None:
    """Raises UsageError if a flag has a value that it must not have."""
    for problem in problems(config):
        raise UsageError(problem)


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
    return "".join(f"--{field.name}={text}\n" for field, text in _texts(config))


def result_text(config: Config) -> dict[str, str]:
    """The flags that decide a run's result, name to value."""
    return {field.name: text for field, text in _texts(config) if field.setting.result}


def of_text(flags: Mapping[str, str]) -> Config:
    """The config of a flagfile that `to_text` wrote.

    Missing flags get their defaults and unknown ones are ignored, so that runs of other
    versions can be inspected.

    Raises:
      UsageError: a value has another type than its flag.
    """
    changes = {}
    for field in of(Config()):
        if field.name in flags:
            text = flags[field.name]
            try:
                changes[field.path] = type(field.default)(text)
            except ValueError as error:
                raise UsageError(
                    f"the flags of the run are damaged: --{field.name}={text}"
                ) from error
    return replace(Config(), changes)


def _texts(config: Config) -> Iterator[tuple[Field, str]]:
    """The fields and their values as the command line writes them, 1 as 1.0."""
    for field, default in beside_defaults(config):
        yield field, utf8(str(type(default)(field.default)))


def utf8(text: str) -> str:
    """Decodes the bytes of an argument as UTF-8, whatever the locale.

    Bytes that are not UTF-8 stay escaped, as in `os.fsdecode`.
    """
    return os.fsencode(text).decode("utf-8", "surrogateescape")
