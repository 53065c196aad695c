"""The directory of a run, claimed by its config."""

import contextlib
from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, fields


def check(config: Config) -> None:
    """Raises UsageError where ``--workdir`` belongs to a run with other flags."""
    workdir.check(Path(config.workdir), fields.result_text(config))


def opened(config: Config) -> contextlib.AbstractContextManager[None]:
    """Claims ``--workdir`` for this run while the context lasts.

    Raises:
      UsageError: as `workdir.opened`.
    """
    return workdir.opened(
        Path(config.workdir), fields.to_text(config), fields.result_text(config)
    )
