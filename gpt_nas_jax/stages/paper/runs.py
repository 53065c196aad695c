"""Table III: its runs, a search or a human network each, one after another."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from gpt_nas_jax import checks, workdir
from gpt_nas_jax.config import (
    HUMAN_ROWS,
    LEARNED,
    TABLE_ROWS,
    BaselineConfig,
    Config,
    PriorConfig,
    TablesConfig,
)
from gpt_nas_jax.executors import processes
from gpt_nas_jax.executors import registry as executors
from gpt_nas_jax.networks.zoo.seven import SEVEN
from gpt_nas_jax.reports import output
from gpt_nas_jax.reports.paper import table3
from gpt_nas_jax.reports.paper.table3 import FinishedRun, FinishedRuns
from gpt_nas_jax.stages import (
    baseline,
    claim,
    compile_cache,
    pipeline,
    pretrain,
    problem,
)
from gpt_nas_jax.strategies import registry

_RUNS = "runs"


def run(config: Config) -> None:
    """Runs what is missing, seed by seed, and writes the table.

    Every run has a workdir of its own, ``runs/<row>-<seed>`` in that of the table. A
    run that was stopped resumes. Finished runs of rows that are not asked for are in
    the table, too.

    Raises:
      UsageError: an input cannot be used, or a run there has other flags.
    """
    claim.check(config)
    executors.find(config.executor)
    asked = config.tables.chosen_rows()
    rows = [row for row in TABLE_ROWS if row in asked]
    planned = [
        run_config(config, row, seed)
        for seed in range(config.tables.seeds)
        for row in rows
    ]
    for one in planned:
        checks.check(one)
        claim.check(one)
        if one.stage == "all":
            registry.check(one.search.strategy, one.search, one.evaluations())
    if missing := [one for one in planned if not _result(one).exists()]:
        _check_inputs(missing)
    processes.everywhere(compile_cache.keep, config.train)
    with claim.opened(config):
        for number, one in enumerate(planned, start=1):
            if not _result(one).exists():
                print(f"run {number} of {len(planned)}: {one.workdir}", flush=True)
                stage = baseline if one.stage == "baseline" else pipeline
                stage.run(one)
        found = finished(config)
    folder = workdir.folder(config.workdir) / "tables"
    output.show(table3.write(folder, config, found))


def run_config(config: Config, row: str, seed: int) -> Config:
    """The config of one row and seed, as its own command would set it."""
    shared = dataclasses.replace(
        config,
        workdir=workdir.below(config.workdir, _RUNS, f"{row}-{seed}"),
        seed=config.seed + seed,
        prior=PriorConfig(),
        tables=TablesConfig(),
    )
    if row in HUMAN_ROWS:
        named = BaselineConfig(name=SEVEN[row])
        return dataclasses.replace(shared, stage="baseline", baseline=named)
    prior = PriorConfig()
    if row in LEARNED:
        prior = dataclasses.replace(config.prior, dir=str(pretrain.home(config)))
    search = config.search.by(row)
    if row == "genetic":
        # Those of gpt_nas and its controls; the search without the GPT has none.
        search = dataclasses.replace(search, settings="")
    return dataclasses.replace(shared, stage="all", search=search, prior=prior)


def _check_inputs(planned: Sequence[Config]) -> None:
    """Raises UsageError if an input of a later run cannot be used."""
    searches = [one for one in planned if one.stage == "all"]
    if searches:
        loaded = problem.load(searches[0])
        within = problem.within_limits(searches[0], loaded.space, timed=False)
        dataset = loaded.dataset
    else:
        dataset = problem.load_dataset(planned[0])
    for one in planned:
        if one.stage == "baseline":
            baseline.chain_of(one.baseline.name, dataset)
    learned = next((one for one in searches if one.needs_prior()), None)
    if learned is not None:
        cells = pretrain.read_cells(learned.prior)
        pretrain.require_place(learned, within, cells)


def finished(config: Config) -> FinishedRuns:
    """Reads the runs that are finished.

    Raises:
      UsageError: a run has other flags than this table, or its result is damaged.
    """
    found: dict[str, dict[int, FinishedRun]] = {}
    for row in TABLE_ROWS:
        for seed in range(config.tables.seeds):
            one = run_config(config, row, seed)
            if _result(one).exists():
                claim.check(one)
                result = workdir.read_sealed(
                    _result(one), "remove it: the run writes it again"
                )
                found.setdefault(row, {})[seed] = table3.finished_run(result)
    return found


def _result(one: Config) -> Path:
    return workdir.folder(one.workdir) / "result.json"
