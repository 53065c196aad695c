"""User-defined objects, loaded by import path."""

import importlib
import inspect
import sysconfig
import traceback
from collections.abc import Collection
from pathlib import Path
from typing import Any

import jax

from gpt_nas_jax.types import UsageError

_LIBRARIES = (
    Path(__file__).parent,
    *(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")),
)


def is_path(value: str) -> bool:
    """Whether the value of a setting is an import path, ``module:Name``."""
    return ":" in value


def load(setting: str, value: str) -> Any:
    """Imports ``module:Name``; a dotted name accesses attributes.

    Args:
      setting: the flag or argument with the path, for messages.
      value: the import path.

    Raises:
      UsageError: there is no such module or name, or the module fails to import.
    """
    where = f"{setting}={value}"
    module_name, _, name = value.partition(":")
    if not module_name or not name:
        raise UsageError(f"{where}: give an import path, module:Name")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise UsageError(
                f"{where}: importing {module_name} raised {one_line(error)}; install it"
            ) from error
        raise UsageError(
            f"{where}: no module named {error.name!r}; run from the folder that holds "
            "it, or add that folder to PYTHONPATH"
        ) from error
    except Exception as error:
        raise UsageError(
            f"{where}: importing {module_name} raised {one_line(error)}"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{where}: {module_name} has no {name}")
        found = getattr(found, part)
    return found


def fields_of(setting: str, value: str) -> Collection[str]:
    """Names of the fields of the dataclass ``module:Name``; none of another object.

    Raises:
      UsageError: it cannot be imported.
    """
    found: Collection[str] = getattr(load(setting, value), "__dataclass_fields__", ())
    return found


def parts_of(protocol: type) -> tuple[str, ...]:
    """Names of the public attributes that a protocol and its bases declare."""
    declared = [
        name
        for kind in reversed(protocol.__mro__)
        for name in (*vars(kind), *vars(kind).get("__annotations__", {}))
        if not name.startswith("_")
    ]
    return tuple(dict.fromkeys(declared))


def require(where: str, found: Any, protocol: type) -> None:
    """Raises UsageError if an object lacks an attribute of a protocol.

    Args:
      where: the setting and its value, for the message.
      found: the object.
      protocol: declares the attributes.
    """
    missing = [part for part in parts_of(protocol) if not _has(found, part)]
    if missing:
        raise UsageError(f"{where} lacks {', '.join(missing)}")


def _has(found: Any, part: str) -> bool:
    try:
        return hasattr(found, part)
    except UsageError:
        # A property that raises still exists.
        return True


def require_call(
    where: str,
    found: Any,
    asked: str,
    names: tuple[str, ...] = (),
    positional: int = 0,
    hint: str = "",
) -> None:
    """Raises UsageError if a function cannot be called with these arguments.

    Args:
      where: the setting and its value, for the message.
      found: the function.
      asked: the arguments in words, for the message.
      names: of keyword arguments.
      positional: number of positional arguments.
      hint: the end of the message.
    """
    try:
        inspect.signature(found).bind(*(None,) * positional, **dict.fromkeys(names))
    except TypeError as error:
        raise UsageError(f"{where} must take {asked}: {error}{hint}") from error


def called(where: str, function: Any, *args: Any, **named: Any) -> Any:
    """Calls a user's function.

    Raises:
      UsageError: the function raises; the message names the error and its line.
    """
    try:
        return function(*args, **named)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{where} raised {described(error)}") from error


def traced(where: str, function: Any, *args: Any) -> Any:
    """Traces a function and returns its output shapes and types; nothing is computed.

    Raises:
      UsageError: it raises, or cannot be traced.
    """
    try:
        # A new function each time: of the same one, JAX (0.10.2) may return the trace
        # of a dataclass of another class with equal fields.
        return jax.eval_shape(lambda *given: function(*given), *args)
    except Exception as error:
        raise UsageError(
            f"{where} cannot be traced by jit: {described(error)}"
        ) from error


def one_line(error: Exception) -> str:
    """The type of an error and the first line of its text."""
    return f"{type(error).__name__}: {str(error).strip()}".partition("\n")[0]


def described(error: Exception) -> str:
    """Describes an error of a user's function in one line, with its source line."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != "<string>"
        and not any(map(Path(frame.filename).is_relative_to, _LIBRARIES))
    ]
    where = "".join(f" ({f.filename}, line {f.lineno})" for f in frames[:1])
    return one_line(error) + where
