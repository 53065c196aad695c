"""Settings of a strategy, from text or Python, checked against its fields."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

from gpt_nas_jax.types import UsageError

_ARTICLES = {"int": "an integer", "float": "a number", "bool": "true or false"}
_TRUTH = {"true": True, "false": False}
_KINDS: Mapping[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "bool": lambda text: _TRUTH[text.lower()],
    "str": str,
}


def parse(text: str) -> dict[str, str]:
    """Parses ``--search_settings``, such as ``pool=512,elites=16``.

    Raises:
      UsageError: a part is not ``name=value``, or a name is given twice.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name or not value:
            raise UsageError(
                f"--search_settings={text}: {part!r} is not name=value; give some "
                "separated by commas, such as pool=512,elites=16"
            )
        if name in found:
            raise UsageError(f"--search_settings={text} gives {name} twice")
        found[name] = value
    return found


def settable(
    kind: type, filled: Collection[str]
) -> dict[str, "dataclasses.Field[Any]"]:
    """The fields of a strategy's dataclass that settings can set.

    Args:
      kind: the dataclass.
      filled: the fields that the search fills in.
    """
    return {
        field.name: field
        for field in dataclasses.fields(kind)
        if field.init and field.name not in filled
    }


def values(
    strategy: str,
    kind: type,
    filled: Collection[str],
    given: str | Mapping[str, Any],
    optional: Collection[str] = (),
) -> dict[str, Any]:
    """The settings of a strategy by field, checked against the fields' types.

    Args:
      strategy: its name, for messages.
      kind: its dataclass.
      filled: the fields that the search fills in.
      given: ``--search_settings``, or values from Python by field. Text can set fields
        of type int, float, bool and str, Python any field.
      optional: fields without a default that may still be omitted.

    Raises:
      UsageError: a setting is unknown, has the wrong type, is missing, or is outside
        the bounds ``low`` and ``high`` in the metadata of its field.
    """
    accepted = settable(kind, filled)
    found = parse(given) if isinstance(given, str) else given
    unknown = sorted(set(found) - set(accepted))
    if unknown:
        known = ", ".join(accepted) or "none"
        raise UsageError(
            f"{strategy} has no setting {', '.join(unknown)}; its settings are: {known}"
        )
    missing = [
        name
        for name, field in accepted.items()
        if name not in {*found, *optional}
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(
            f"{strategy} needs the settings {', '.join(missing)}; a search fills in "
            f"{', '.join(sorted(filled))} only"
        )
    chosen = {}
    for name, value in found.items():
        field = accepted[name]
        # Text says nothing about its type, so that of the default decides, too.
        of_text = isinstance(given, str)
        types = (field.type, type(field.default)) if of_text else (field.type,)
        plain = next(filter(None, map(_plain_kind, types)), None)
        if plain is not None:
            chosen[name] = _value(strategy, field, plain, str(value))
        elif of_text:
            raise UsageError(
                f"{name} of {strategy} cannot be set from text; annotate it as int, "
                "float, bool or str, or set it from Python"
            )
        else:
            chosen[name] = value
    return chosen


def _plain_kind(kind: Any) -> str | None:
    """``int``, ``float``, ``bool`` or ``str`` if a type is one of them, else None."""
    # Annotations may be strings.
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
    return name if name in _KINDS else None


def _value(strategy: str, field: dataclasses.Field[Any], kind: str, text: str) -> Any:
    try:
        value = _KINDS[kind](text)
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"{field.name} of {strategy} must be {_ARTICLES[kind]}, got {text!r}"
        ) from error
    low, high = (field.metadata.get(end) for end in ("low", "high"))
    # Written so that nan fails.
    if low is not None and not low <= value:
        raise UsageError(f"{field.name} of {strategy} must be at least {low}: {text}")
    if high is not None and not value <= high:
        raise UsageError(f"{field.name} of {strategy} must be at most {high}: {text}")
    return value
