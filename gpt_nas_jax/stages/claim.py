"""The directory of a run, claimed by its config."""

import contextlib
import hashlib
import math

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.strategies import registry
from gpt_nas_jax.types import UsageError

_GENERATIONS = "search_generations"
"""The flag that may change, to make a search longer or shorter."""


def check(config: Config) -> None:
    """Raises UsageError where ``--workdir`` belongs to a run with other flags.

    A search may be continued with another number of generations, and its best network
    be retrained by another recipe.
    """
    path, flags = workdir.folder(config.workdir), _deciding(config)
    workdir.check(path, flags, _least(config))
    if not _searches(config) or not _ends_by_schedule(config):
        return
    try:
        workdir.check(path, flags)
    except UsageError as error:
        raise UsageError(
            f"--{_GENERATIONS}={config.search.generations}: the rate of elimination of "
            f"{config.search.strategy} (Eq. 3) falls until the last generation, so a "
            "longer search is another one; one that began with "
            "--search_elimination_generations=N can go on"
        ) from error


def _deciding(config: Config) -> dict[str, str]:
    """The flags that decide what the directory holds.

    Those of the recipe of a retraining do not decide a search.
    """
    held = workdir.result_in(workdir.folder(config.workdir))
    flags = fields.result_text(config)
    if held in (None, workdir.LEDGER, workdir.RUNGS):
        for field in fields.of(config):
            if field.path[:2] == ("retrain", "recipe"):
                flags.pop(field.name, None)
    return flags


def _searches(config: Config) -> bool:
    return config.stage in ("all", "search")


def _ends_by_schedule(config: Config) -> bool:
    """Whether a longer search would differ from its first generation on."""
    entry = registry.find(config.search.strategy)
    return "generations" in entry.filled and not config.search.elimination_generations


def _least(config: Config) -> dict[str, int]:
    """The fewest generations that the ledger allows; none where they must be equal."""
    if not _searches(config):
        return {}
    size = config.search.asked(config.search.strategy)
    held = workdir.count(workdir.folder(config.workdir))
    generations = -(-held // size) * size / config.search.population
    return {_GENERATIONS: math.ceil(generations)}


def keep_space(config: Config, space: ReadableSpace) -> None:
    """Ties the claimed directory to what the genes of the space mean.

    Raises:
      UsageError: its results come from genes that stand for other layers.
    """
    digest = hashlib.sha256(space.definition().encode()).hexdigest()
    workdir.keep_same(workdir.folder(config.workdir), "space", digest)


def keep_images(config: Config, dataset: Dataset) -> None:
    """Ties the claimed directory to the labels and classes of the images.

    Pixels are left out: another version of a decoder may round them differently.

    Raises:
      UsageError: its results come from other images.
    """
    digest = hashlib.sha256(repr(dataset.classes).encode())
    for part in (dataset.train, dataset.test):
        digest.update(np.asarray(part.labels, np.int32).tobytes())
        digest.update(len(part).to_bytes(8))
    path = workdir.folder(config.workdir)
    workdir.keep_same(path, "data set", digest.hexdigest(), began="--data_dir")


def opened(config: Config) -> contextlib.AbstractContextManager[None]:
    """Claims ``--workdir`` for this run while the context lasts.

    Raises:
      UsageError: as `workdir.opened`.
    """
    goes_on = _searches(config) and not _ends_by_schedule(config)
    return workdir.opened(
        workdir.folder(config.workdir),
        fields.to_text(config),
        _deciding(config),
        _least(config) if goes_on else {},
    )
