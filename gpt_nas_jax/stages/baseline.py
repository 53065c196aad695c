"""Trains, tests and keeps a human network like the best one of a search."""

import dataclasses
from typing import Any

from gpt_nas_jax import workdir
from gpt_nas_jax.config import BaselineConfig, Config, RetrainConfig, fields
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.executors import processes
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import human
from gpt_nas_jax.reports import architecture, summary
from gpt_nas_jax.stages import (
    claim,
    compile_cache,
    long_training,
    problem,
    report,
    retrain,
)
from gpt_nas_jax.types import UsageError


def run(config: Config) -> None:
    """Trains ``--baseline_name`` as a retraining does; resumes where it stopped.

    Writes ``best/``, with ``baseline.flags`` in place of ``retrain.flags``, and
    ``result.json``, and prints the summary.

    Raises:
      UsageError: an input cannot be used, or the training failed.
    """
    # The flags of a search differ, too, but to change them would not help.
    _require_no_search(config)
    claim.check(config)
    processes.everywhere(compile_cache.keep, config.train)
    dataset = processes.everywhere(problem.load_dataset, config)
    chain_of(config.baseline.name, dataset)
    long_training.check_devices(config)
    views = report.views(config)
    with claim.opened(config):
        claim.keep_images(config, dataset)
        settled = problem.settled(config, dataset)
        summary.write(config, train(settled, dataset, config.baseline.name, "best"))
        views.refresh()


def _require_no_search(config: Config) -> None:
    """Raises UsageError where the run would replace a network that was found."""
    path = workdir.folder(config.workdir)
    description = path / "best" / "architecture.json"
    with workdir.storing(path):
        described = description.exists()
    found = described and "genome" in workdir.read_json(description)
    if found or workdir.count(path):
        raise UsageError(
            f"--workdir={config.workdir} belongs to a search; choose another directory "
            "for a human network, or add --retrain_baselines to the search"
        )


def chain_of(name: str, dataset: Dataset) -> Chain:
    """The human network of a name, for the images of a data set.

    Raises:
      UsageError: it cannot be made as narrow as its name says, or the images are too
        small for it.
    """
    size = dataset.train.size
    try:
        chain = human(name).build(dataset.num_classes, size)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None
    if any(0 in part.layer.out_size for part in trace(chain, size).layers):
        raise UsageError(
            f"{name}: images of {size[0]}x{size[1]} are too small, its last layers "
            "would see no pixel; choose another network"
        )
    return chain


def train(config: Config, dataset: Dataset, name: str, folder: str) -> dict[str, Any]:
    """Trains a human network; resumes where it stopped.

    Args:
      config: its ``retrain`` says how.
      dataset: the images.
      name: of the network.
      folder: below the workdir, where the network is kept.

    Returns:
      The parts ``best`` and ``retrain`` of ``result.json``.
    """
    path = workdir.folder(config.workdir)
    chain = chain_of(name, dataset)
    description = architecture.of_human(name, chain, dataset)
    suffix = "" if folder == "best" else f"-{name}"
    own = {"genome": "", "pick": RetrainConfig.pick, "baselines": ""}
    again = dataclasses.replace(
        config,
        stage="baseline",
        baseline=BaselineConfig(name),
        retrain=dataclasses.replace(config.retrain, **own),
        workdir=f"{config.workdir}-retrained{suffix}",
        executor=Config.executor,
        hosts=Config.hosts,
        ray=Config.ray,
    )
    workdir.write_text(path / folder / "baseline.flags", fields.to_text(again))
    state = path / architecture.state(description)
    if folder != "best":
        state /= name
    return retrain.train_and_keep(config, state, chain, dataset, description, folder)
