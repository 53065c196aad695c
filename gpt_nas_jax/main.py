"""Command line: ``python -m gpt_nas_jax.main --flagfile=launch/digits.flags``."""

import os
import sys
from pathlib import Path

import numpy as np
from absl import logging

from gpt_nas_jax import checks, flags, workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.prior.cells import Columns
from gpt_nas_jax.stages import (
    compilation,
    import_benchmark,
    pretrain,
    problem,
    proxies,
    report,
    retrain,
    search,
    tables,
    zoo,
)
from gpt_nas_jax.types import UsageError


def run(config: Config) -> None:
    """Does what the config says.

    Raises:
      UsageError: it cannot be done as told.
    """
    checks.check(config)
    if config.stage == "zoo":
        _require_writable("--zoo_json", Path(config.zoo.json).parent)
        zoo.run(config.zoo.json)
        return
    if config.stage == "import_benchmark":
        _require_writable("--imports_out", Path(config.imports.out).parent)
        import_benchmark.run(config.imports)
        return
    if config.stage == "tables":
        _run_tables(config)
        return
    if config.stage == "proxies":
        _run_proxies(config)
        return
    # All that can be wrong is found before the directory is claimed, and what is
    # quickly found first.
    path, result_flags = Path(config.workdir), flags.result_text(config)
    workdir.check(path, result_flags)
    _require_writable("--prior_dir", pretrain.home(config))
    if _needs_search(config) and not (path / workdir.LEDGER).exists():
        raise UsageError(
            f"--workdir={path} holds no search; run --stage=search first, or name a "
            "network with --retrain_genome"
        )
    compilation.keep(config.train)
    loaded = problem.load(config)
    if config.stage in ("all", "retrain"):
        retrain.check_devices(config)
    genome = None
    if config.retrain.genome:
        genome = retrain.genome_of(config.retrain.genome, loaded.space)
    cells = pretrain.read_cells(config.prior) if _needs_prior(config) else None
    with workdir.opened(path, flags.to_text(config), result_flags):
        _stages(config, loaded, cells, genome)


def _run_tables(config: Config) -> None:
    path, result_flags = Path(config.workdir), flags.result_text(config)
    workdir.check(path, result_flags)
    _require_writable("--prior_dir", pretrain.home(config))
    benchmark = tables.load(config.tables)
    cells = pretrain.read_cells(config.prior) if _needs_prior(config) else None
    compilation.keep(config.train)
    with workdir.opened(path, flags.to_text(config), result_flags):
        prior = pretrain.run(config, benchmark.plain, cells) if cells else None
        tables.run(config, benchmark, prior)


def _run_proxies(config: Config) -> None:
    path, result_flags = Path(config.workdir), flags.result_text(config)
    workdir.check(path, result_flags)
    inputs = proxies.load(config)
    compilation.keep(config.train)
    with workdir.opened(path, flags.to_text(config), result_flags):
        proxies.run(config, inputs)


def _needs_search(config: Config) -> bool:
    return config.stage == "retrain" and not config.retrain.genome


def _needs_prior(config: Config) -> bool:
    return "gpt_nas" in config.strategies() and config.stage != "retrain"


def _stages(
    config: Config,
    loaded: problem.Problem,
    cells: Columns | None,
    genome: np.ndarray | None,
) -> None:
    path = Path(config.workdir)
    prior = None
    if cells is not None:
        prior = pretrain.run(config, loaded.space, cells)
    if config.stage in ("all", "search"):
        if config.train.warmup == "all":
            compilation.warm_up(config, loaded)
        search.run(config, loaded, prior)
    parts = {}
    if genome is None and config.stage != "pretrain":
        records = search.read(config)
        parts = {
            "prior": report.prior_part(path / pretrain.REPORT),
            "search": report.search_part(config, records),
        }
        genome = np.array(search.best(records)["genome"], np.int32)
    if config.stage == "search":
        report.show(f"{config.data.name}, seed {config.seed}", parts)
    if config.stage in ("all", "retrain"):
        again = flags.to_text(retrain.config_again(config, genome))
        report.write(config, parts | retrain.run(config, loaded, genome, again))


def _require_writable(flag: str, path: Path) -> None:
    """Raises UsageError where no file can be made in a folder, or the folder itself."""
    while not path.exists():
        path = path.parent
    if not path.is_dir() or not os.access(path, os.W_OK):
        raise UsageError(f"{flag}: {path} is no folder that can be written to")


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
    except KeyboardInterrupt:
        print("gpt_nas_jax: stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
