"""Command line: ``python -m gpt_nas_jax.main --flagfile=launch/digits.flags``."""

import sys
from pathlib import Path

import numpy as np
from absl import logging

from gpt_nas_jax import config as config_lib
from gpt_nas_jax import flags, workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.prior.cells import Columns
from gpt_nas_jax.stages import pretrain, problem, report, retrain, search, zoo
from gpt_nas_jax.types import UsageError


def run(config: Config) -> None:
    """Does what the config says.

    Raises:
      UsageError: it cannot be done as told.
    """
    config_lib.check(config)
    if config.stage == "zoo":
        zoo.run(config.zoo.json)
        return
    # All that can be wrong is found before the directory is claimed.
    loaded = problem.load(config)
    path = Path(config.workdir)
    claim = workdir.opened(path, flags.to_text(config), flags.result_text(config))
    if config.retrain.genome:
        genome = retrain.genome_of(config.retrain.genome, loaded.space)
        with claim:
            report.write(config, retrain.run(config, loaded, genome))
        return
    if config.stage == "retrain":
        search.read(path)
    uses_prior = config.search.strategy == "gpt_nas"
    cells = pretrain.read_cells(config.prior) if uses_prior else None
    with claim:
        _stages(config, loaded, cells)


def _stages(config: Config, loaded: problem.Problem, cells: Columns | None) -> None:
    prior = prior_report = None
    if cells is not None:
        prior, prior_report = pretrain.run(config, loaded.space, cells)
    if config.stage in ("all", "search"):
        search.run(config, loaded, prior)
    if config.stage in ("all", "retrain"):
        records = search.read(Path(config.workdir))
        parts = {
            "prior": report.prior_part(prior_report),
            "search": report.search_part(config, records),
        }
        genome = np.array(search.best(records)["genome"], np.int32)
        report.write(config, parts | retrain.run(config, loaded, genome))


def main(argv: list[str]) -> int:
    """Runs a command line; returns the exit code: 2 where it cannot be used."""
    # Orbax tells of every file it writes.
    logging.set_verbosity(logging.WARNING)
    try:
        config = flags.parse(argv)
        if isinstance(config, str):
            print(config)
        else:
            run(config)
    except UsageError as error:
        print(f"gpt_nas_jax: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
