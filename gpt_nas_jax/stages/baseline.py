"""A human network in place of the search's best: trained, tested and kept alike."""

import dataclasses
from pathlib import Path
from typing import Any

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.reports import summary
from gpt_nas_jax.stages import claim, compile_cache, long_training, problem, retrain

_STATE = "baseline"


def run(config: Config) -> None:
    """Trains ``--baseline_name`` as a retraining trains, goes on where it stopped.

    Writes ``best/``, with ``baseline.flags`` in place of ``retrain.flags``, and
    ``result.json``, prints the summary.

    Raises:
      UsageError: it cannot be done as told.
    """
    claim.check(config)
    compile_cache.keep(config.train)
    dataset = problem.load_dataset(config)
    long_training.check_devices(config)
    with claim.opened(config):
        summary.write(config, _trained(config, dataset))


def _trained(config: Config, dataset: Dataset) -> dict[str, Any]:
    """The parts ``best`` and ``retrain`` of ``result.json``."""
    path, name, image = Path(config.workdir), config.baseline.name, dataset.train.size
    entry, classes = ZOO[name], dataset.num_classes
    chain = entry.build(classes, image)
    architecture = {
        "name": name,
        "family": entry.family,
        "image": list(image),
        "num_classes": classes,
        **retrain.figures(chain, image),
    }
    again = dataclasses.replace(config, workdir=f"{config.workdir}-retrained")
    workdir.write_text(path / "best" / "baseline.flags", fields.to_text(again))
    result = retrain.train_and_keep(config, path / _STATE, chain, dataset, architecture)
    names = ("name", "params", "flops")
    return {"best": {n: architecture[n] for n in names}, "retrain": result}
