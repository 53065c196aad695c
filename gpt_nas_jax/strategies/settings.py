"""Settings of a strategy: parsed from text and checked against its fields."""

import dataclasses
from collections.abc import Collection
from typing import Any

from gpt_nas_jax.types import UsageError

_ARTICLES = {"int": "an integer", "float": "a number", "bool": "true or false"}
_TRUTH = {"true": True, "false": False}


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


def values(
    strategy: str,
    kind: type,
    filled: Collection[str],
    text: str,
    optional: Collection[str] = (),
) -> dict[str, Any]:
    """The settings of a strategy by field, converted to the fields' types.

    Args:
      strategy: its name, for messages.
      kind: its dataclass.
      filled: the fields that the search fills in.
      text: ``--search_settings``.
      optional: fields without a default that may still be omitted.

    Raises:
      UsageError: a setting is unknown, has the wrong type, or is missing.
    """
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    settable = {name: field for name, field in fields.items() if name not in filled}
    found = parse(text)
    unknown = sorted(set(found) - set(settable))
    if unknown:
        known = ", ".join(settable) or "none"
        raise UsageError(
            f"{strategy} has no setting {', '.join(unknown)}; its settings are: {known}"
        )
    missing = [
        name
        for name, field in settable.items()
        if name not in {*found, *optional}
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(
            f"{strategy} needs the settings {', '.join(missing)}; a search fills in "
            f"{', '.join(sorted(filled))} only"
        )
    return {
        name: _value(strategy, settable[name], text) for name, text in found.items()
    }


def _value(strategy: str, field: dataclasses.Field[Any], text: str) -> Any:
    kind = field.type if field.default is dataclasses.MISSING else type(field.default)
    # Annotations may be strings.
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    try:
        if name == "bool":
            return _TRUTH[text.lower()]
        return {"int": int, "float": float}.get(name, str)(text)
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"{field.name} of {strategy} must be {_ARTICLES[name]}, got {text!r}; "
            "separate settings by commas"
        ) from error
