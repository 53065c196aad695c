"""The whole method: prior, search, retraining, as many of them as the stage says."""

import dataclasses
from typing import cast

import numpy as np

from gpt_nas_jax import plugins, workdir
from gpt_nas_jax.config import LATENCY, Config
from gpt_nas_jax.evaluation.proxies import own
from gpt_nas_jax.executors import processes
from gpt_nas_jax.executors import registry as executors
from gpt_nas_jax.reports import summary
from gpt_nas_jax.spaces.nasbench101.corpus import Columns
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.stages import (
    baseline,
    claim,
    compilation,
    compile_cache,
    finalists,
    front,
    given,
    latency,
    long_training,
    pretrain,
    problem,
    report,
    retrain,
    retrainings,
    search,
)
from gpt_nas_jax.stages.parts import Parts
from gpt_nas_jax.stages.records import AllFailed
from gpt_nas_jax.strategies import registry
from gpt_nas_jax.types import UsageError


def run(config: Config) -> None:
    """Runs the stages ``pretrain``, ``search`` and ``retrain``, or one of them.

    Raises:
      UsageError: a setting or an input cannot be used.
    """
    # Errors are found before the directory is claimed, those that are quick to find
    # first.
    path = workdir.folder(config.workdir)
    claim.check(config)
    if _needs_search(config) and not (path / workdir.LEDGER).exists():
        raise UsageError(
            f"--workdir={path} holds no search; run --stage=search first, or name a "
            "network with --retrain_genome"
        )
    registry.check(config.search.strategy, config.search, config.evaluations())
    executors.find(config.executor)
    for name in filter(plugins.is_path, config.search_proxies()):
        own.find("--eval_proxies", name)
    processes.everywhere(compile_cache.keep, config.train)
    loaded = processes.everywhere(problem.load, config)
    if config.stage in ("all", "retrain"):
        long_training.check_devices(config)
        for name in config.retrain.chosen_baselines():
            baseline.chain_of(name, loaded.dataset)
    genome = None
    if config.retrain.genome:
        genome = retrain.genome_of(config.retrain.genome, loaded.space)
    views = report.views(config)
    cells = pretrain.read_cells(config.prior) if config.needs_prior() else None
    if config.stage != "retrain" and LATENCY in config.search.noted():
        # Before blocks are measured, which takes minutes.
        within = problem.within_limits(config, loaded.space, timed=False)
        _networks_of_user(config, within)
        # With a limit of latency, the prior is another one.
        if cells is not None and not any(config.search.bounds(LATENCY)):
            pretrain.require_place(config, within, cells)
    table = None
    # A prior is the same whatever the device.
    if config.stage != "pretrain":
        # Measured now if it is missing; other errors were found before.
        table = latency.table(config, loaded.space)
        loaded = latency.timed(loaded, table)
    if config.stage != "retrain":
        within = problem.within_limits(config, loaded.space)
        loaded = dataclasses.replace(loaded, space=cast(NetworkSpace, within))
        # Within limits, of which some are measured.
        _networks_of_user(config, loaded.space)
    if cells is not None:
        pretrain.require_place(config, loaded.space, cells)
    with claim.opened(config):
        claim.keep_space(config, loaded.space)
        claim.keep_images(config, loaded.dataset)
        latency.keep(config, table)
        settled = problem.settled(config, loaded.dataset)
        _stages(settled, loaded, cells, genome, views)


def _networks_of_user(config: Config, space: NetworkSpace) -> None:
    """Raises UsageError if the initial networks are unusable or too many."""
    count = len(given.read(config.search.seeds_from, space))
    if count > config.evaluations():
        raise UsageError(
            f"--search_seeds_from={config.search.seeds_from} names {count} networks, "
            f"more than the {config.evaluations()} evaluations of the search"
        )


def _needs_search(config: Config) -> bool:
    return config.stage == "retrain" and not config.retrain.genome


def _stages(
    config: Config,
    loaded: problem.Problem,
    cells: Columns | None,
    genome: np.ndarray | None,
    views: report.Views,
) -> None:
    path = workdir.folder(config.workdir)
    report.note_images(config, loaded)
    prior = None
    part = Parts(config, loaded)
    if cells is not None:
        with part.prior():
            prior = pretrain.run(config, loaded.space, cells)
    if config.stage in ("all", "search"):
        if config.train.warmup == "all":
            processes.by_workers(compilation.warm_up, config, loaded)
        if config.eval.ruled():
            print(
                "--eval_trained_blocks=proposed trains another share of the blocks in "
                "each generation: fitness of different generations is not comparable"
            )
        with part.search():
            try:
                search.run(config, loaded, prior, views.after_generation)
            except AllFailed:
                # The page says why.
                views.refresh()
                raise
        views.refresh()
    parts = {}
    genomes = [] if genome is None else [genome]
    if genome is None and config.stage != "pretrain":
        records = search.read(config)
        if config.stage != "retrain":
            with part.finalists():
                finalists.run(config, loaded, records)
            if config.search.finalists > 1:
                views.refresh()
        parts = {
            "prior": summary.prior_part(path / pretrain.REPORT),
            "search": summary.search_part(config, records),
        }
        picked = [finalists.best(config, loaded.space, records)]
        if "finalist_fitness" in picked[0]:
            parts["finalists"] = summary.finalists_part(config, picked[0])
        if config.search.costs():
            found = front.of(config, records)
            front.write(config, found)
            picked = front.picked(config, found)
            parts["front"] = summary.front_part(config, found)
        genomes = [np.array(record["genome"], np.int32) for record in picked]
    if config.stage == "search":
        summary.show(f"{config.data.name}, seed {config.seed}", parts)
    if config.stage in ("all", "retrain"):
        trained = retrainings.run(config, loaded, genomes, part)
        summary.write(config, parts | trained)
        views.refresh()
