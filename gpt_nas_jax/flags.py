"""Command-line flags made from the fields of the config."""

import math
import os
from typing import Any

from absl import flags

from gpt_nas_jax import plugins, workdir
from gpt_nas_jax.config import STAGES, Config, Setting, fields, flagfile
from gpt_nas_jax.types import UsageError


def parse(argv: list[str]) -> Config | str:
    """Parses a command line, including ``--flagfile``.

    A path may begin with ``~`` or ``~user``, and a folder may end with ``/``.

    Args:
      argv: the program's name, then its arguments. The last of repeated flags counts.

    Returns:
      The config, or the help text if ``--help`` is given: of one stage with
        ``--stage``, else of all.

    Raises:
      UsageError: an unknown flag, a value out of range, a path that cannot be used, an
        argument that is not a flag, or a flagfile that cannot be used.
    """
    values = flags.FlagValues()
    known = list(fields.of(Config()))
    for field in known:
        _define(field, values)
    flags.DEFINE_bool("help", False, "Show this help.", flag_values=values)
    try:
        rest = values([*argv[:1], *flagfile.expand(argv[1:])])[1:]
    except flags.Error as error:
        message = str(error).removeprefix("ERROR:: ")
        raise UsageError(" ".join(message.split())) from error
    if values["help"].value:
        return _help(values["stage"].value if values["stage"].present else None)
    if rest:
        raise UsageError(f"unexpected argument {rest[0]!r}; settings are --flag=value")
    return fields.replace(
        Config(),
        {field.path: _value(field, values[field.name].value) for field in known},
    )


def _help(stage: str | None) -> str:
    """The flags that a stage reads, or the stages and all flags."""
    shown = flags.FlagValues()
    for field in fields.of(Config()):
        if stage is None or field.path[0] in ("stage", *STAGES[stage].reads):
            _define(field, shown)
    usage = "Usage: gpt-nas [--stage=STAGE] [--flagfile=FILE] [--FLAG=VALUE ...]"
    if stage is None:
        lines = [f"  {name:16}  {one.help}" for name, one in STAGES.items()]
        note = "The flags of one stage: gpt-nas --stage=STAGE --help"
        head = "\n".join([usage, "", "Stages:", *lines, "", note])
    else:
        head = f"{stage}: {STAGES[stage].help}\n\n{usage}"
    return f"{head}\n{shown.get_help(include_special_flags=False)}"


def _value(field: fields.Field, given: Any) -> Any:
    """The value of a flag; ``~`` is expanded in paths, and a last ``/`` removed."""
    if not field.setting.path:
        return given
    flag = f"--{field.name}={given}"
    if field.default and not given.strip():
        raise UsageError(f"--{field.name} is empty; name a folder")
    if workdir.is_store(given):
        if given.partition("://")[0] not in field.setting.stores:
            kinds = "".join(f", {one}:// URLs" for one in field.setting.stores)
            raise UsageError(
                f"{flag} is a URL; only local folders and files{kinds} can be used"
            )
        return given.rstrip("/")
    path = os.path.expanduser(given)
    if path.startswith("~"):
        user = path.partition("/")[0]
        raise UsageError(
            f"{flag}: there is no user {user[1:]!r}; for a folder of that name give "
            f"./{user}"
        )
    try:
        # A run stores its flags as UTF-8.
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{flag} is not UTF-8; rename the folder or file") from error
    # Paths that decide results are compared with those of earlier runs as text.
    return path if field.setting.result else path.rstrip("/") or path[:1]


def _with_choices(setting: Setting) -> str:
    return f"<{'|'.join(setting.choices)}|module:Name>: {setting.help}"


def _define(field: fields.Field, values: flags.FlagValues) -> None:
    setting, default = field.setting, field.default
    args = field.name, default
    if setting.choices and setting.plugin:
        flags.DEFINE_string(*args, _with_choices(setting), flag_values=values)
        flags.register_validator(
            field.name,
            lambda given: given in setting.choices or plugins.is_path(given),
            f"give one of {', '.join(setting.choices)}, or module:Name",
            flag_values=values,
        )
    elif setting.choices:
        flags.DEFINE_enum(*args, setting.choices, setting.help, flag_values=values)
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
