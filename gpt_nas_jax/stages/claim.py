"""The directory of a run, claimed by its config."""

import contextlib
import hashlib

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.spaces.protocol import ReadableSpace


def check(config: Config) -> None:
    """Raises UsageError where ``--workdir`` belongs to a run with other flags."""
    workdir.check(workdir.folder(config.workdir), fields.result_text(config))


def keep_space(config: Config, space: ReadableSpace) -> None:
    """Ties the claimed directory to what the genes of the space mean.

    Raises:
      UsageError: its results were made by genes that read as other layers.
    """
    digest = hashlib.sha256(space.definition().encode()).hexdigest()
    workdir.keep_same(workdir.folder(config.workdir), "space", digest)


def opened(config: Config) -> contextlib.AbstractContextManager[None]:
    """Claims ``--workdir`` for this run while the context lasts.

    Raises:
      UsageError: as `workdir.opened`.
    """
    return workdir.opened(
        workdir.folder(config.workdir),
        fields.to_text(config),
        fields.result_text(config),
    )
