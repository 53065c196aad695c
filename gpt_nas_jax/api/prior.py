"""A prior for any space whose genomes read as layers: ``gpt_nas_jax.learn_prior``."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

from gpt_nas_jax import workdir as storage
from gpt_nas_jax.config import Config, PriorConfig, fields
from gpt_nas_jax.plugins import require
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.stages import pretrain
from gpt_nas_jax.types import Space, UsageError


def learn_prior(
    space: Space,
    config: PriorConfig | None = None,
    *,
    seed: int = 0,
    workdir: str | os.PathLike[str] | None = None,
) -> Prior:
    """Learns the paper's prior for a space: GPT and FCN.

    The GPT learns from NAS-Bench-101 and the human networks, the FCN from the
    layers of the space's genes. Takes minutes with the default settings.

    Args:
      space: defines how its genomes read as layers.
      config: what to learn from, and for how long.
      seed: determines everything random.
      workdir: keeps the prior in ``prior/`` for later calls; None keeps nothing.

    Raises:
      UsageError: the space does not read as layers, a setting is out of range or
        contradicts another, a benchmark file cannot be read, or another process uses
        the workdir.
    """
    return learned(space, config or PriorConfig(), seed, home(workdir))


@contextlib.contextmanager
def home(workdir: str | os.PathLike[str] | None) -> Iterator[Path]:
    """The folder of a workdir, locked; a temporary one without a workdir."""
    if workdir is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
    else:
        with storage.fetched(os.fspath(workdir)) as path, storage.locked(path):
            yield path


def learned(
    space: Space, config: PriorConfig, seed: int, folder: AbstractContextManager[Path]
) -> Prior:
    """Learns a prior as `learn_prior` does.

    Args:
      space: defines how its genomes read as layers.
      config: what to learn from.
      seed: determines everything random.
      folder: a locked workdir; entered after the settings were checked.
    """
    require("the space", space, ReadableSpace)
    run = Config(seed=seed, prior=config)
    fields.check(run)
    for problem in config.problems():
        raise UsageError(problem)
    cells = pretrain.read_cells(config)
    with folder as path:
        run = dataclasses.replace(run, workdir=str(path))
        return pretrain.run(run, cast(ReadableSpace, space), cells)
