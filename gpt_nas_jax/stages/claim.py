"""The directory of a run, claimed by its config."""

import contextlib
import hashlib

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.strategies import registry
from gpt_nas_jax.types import UsageError

GENERATIONS = "search_generations"
"""The flag that may grow: the search goes on."""


def check(config: Config) -> None:
    """Raises UsageError where ``--workdir`` belongs to a run with other flags.

    A search may go on for more generations than it began with.
    """
    path, flags = workdir.folder(config.workdir), fields.result_text(config)
    workdir.check(path, flags, (GENERATIONS,))
    if _grows(config):
        return
    try:
        workdir.check(path, flags)
    except UsageError as error:
        raise UsageError(
            f"--{GENERATIONS}={config.search.generations}: the rate of elimination of "
            f"{config.search.strategy} (Eq. 3) falls until the last generation, so a "
            "longer search is another one; one that began with "
            "--search_elimination_generations=N can go on"
        ) from error


def _grows(config: Config) -> bool:
    """Whether a search of more generations begins as a shorter one does."""
    entry = registry.find(config.search.strategy)
    return "generations" not in entry.filled or bool(
        config.search.elimination_generations
    )


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
        (GENERATIONS,) if _grows(config) else (),
    )
