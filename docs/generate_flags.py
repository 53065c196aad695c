"""Writes docs/flags.md, a table of every flag for each section of the config.

python docs/generate_flags.py
"""

import pathlib
from typing import Any

from gpt_nas_jax.config import STAGES, Config, Setting, fields

PAGE = pathlib.Path(__file__).resolve().with_name("flags.md")

_HEAD = """# Flags

<!-- Written by docs/generate_flags.py; run it again after a change of the config. -->

Every setting of a run is a flag of `python -m gpt_nas_jax.main`, named
`--<section>_<field>`. A flagfile holds one flag per line and may include others
(`--flagfile=FILE`). If a flag is given more than once, the last value counts, so
flags after `--flagfile` override the file. *Ours* marks a choice on which the paper
is silent.

A working directory belongs to one set of flags. Flags marked \N{DAGGER} do not
affect the result and may change when a run resumes.

## Stages

`--stage=STAGE --help` lists the flags that a stage reads.

"""


def page() -> str:
    """The page as Markdown."""
    config = Config()
    sections: dict[str, list[fields.Field]] = {}
    for field in fields.of(config):
        section = field.path[0] if len(field.path) > 1 else ""
        sections.setdefault(section, []).append(field)
    return (
        _HEAD
        + _stages()
        + "".join(
            _section(name, getattr(config, name) if name else config, members)
            for name, members in sections.items()
        )
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    rows = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _stages() -> str:
    rows = [
        (f"`{name}`", stage.help, ", ".join(stage.reads))
        for name, stage in STAGES.items()
    ]
    return _table(("stage", "does", "reads"), rows)


def _section(name: str, value: Any, members: list[fields.Field]) -> str:
    title = name or "The run"
    text = (type(value).__doc__ or "").strip().splitlines()[0]
    table = _table(("flag", "default", "meaning"), [_row(field) for field in members])
    return f"\n## {title}\n\n{text}\n\n{table}"


def _row(field: fields.Field) -> tuple[str, str, str]:
    mark = "" if field.setting.result else " \N{DAGGER}"
    return f"`--{field.name}`{mark}", _default(field.default), _meaning(field.setting)


def _default(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else "none"


def _meaning(setting: Setting) -> str:
    # Angle brackets would be read as HTML, and a bar ends a cell.
    text = setting.help.translate({ord("<"): "&lt;", ord(">"): "&gt;", ord("|"): "\\|"})
    parts = [text, _range(setting)]
    if setting.choices:
        names = ", ".join(f"`{name}`" for name in setting.choices)
        plugin = ", or an import path `module:Name`" if setting.plugin else ""
        parts.append(f"One of {names}{plugin}.")
    return " ".join(part for part in parts if part)


def _range(setting: Setting) -> str:
    low, high = setting.low, setting.high
    if low is not None and high is not None:
        return f"From {low} to {high}."
    if low is not None:
        return f"At least {low}."
    return "" if high is None else f"At most {high}."


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
