"""Templates of the pages, filled in."""

import functools
import importlib.resources
import json
from typing import Any

import jinja2
import markupsafe

from gpt_nas_jax.reports.page import texts
from gpt_nas_jax.reports.terminal import short

_FOLDER = "templates"


def render(template: str, **context: Any) -> str:
    """A page by the name of its template; it refers to nothing outside itself."""
    return _environment().get_template(template).render(context)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": texts.amount,
        "duration": texts.duration,
        "json": _json,
        "short": short,
    }
    environment.globals["verbatim"] = lambda name: markupsafe.Markup(_source(name))
    return environment


def _source(name: str) -> str:
    folder = importlib.resources.files("gpt_nas_jax.reports.page") / _FOLDER
    return (folder / name).read_text(encoding="utf-8")


def _json(value: Any) -> markupsafe.Markup:
    """Compact JSON that cannot end the script element around it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return markupsafe.Markup(text.replace("<", "\\u003c"))
