"""The best network: trained for long, tested once, left on disk for its user."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.networks.layers import Size, to_text
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.stages import long_training
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.types import PAD, UsageError

_STATE = "retrain"


def run(
    config: Config, problem: Problem, genome: np.ndarray, again: str
) -> dict[str, Any]:
    """Trains a genome's network on all training images and tests it once.

    Writes ``best/``: ``architecture.json``, the weights and ``retrain.flags``.

    Args:
      config: the run.
      problem: images and space.
      genome: ``int32[L]``, valid.
      again: the flagfile of `config_again`.

    Returns:
      The parts ``best`` and ``retrain`` of ``result.json``.
    """
    home = Path(config.workdir)
    chain = problem.space.decode(genome)
    architecture = describe(problem.space, genome, chain)
    workdir.write_text(home / "best" / "retrain.flags", again)
    # Another network's checkpoints may have the same shapes.
    name = hashlib.sha256(repr(architecture["genome"]).encode()).hexdigest()[:16]
    path = home / _STATE / name
    result = train_and_keep(config, path, chain, problem.dataset, architecture)
    names = ("genome", "blocks", "depth", "params", "flops")
    return {
        "best": {name: architecture[name] for name in names},
        "retrain": result,
    }


def train_and_keep(
    config: Config,
    path: Path,
    chain: Chain,
    dataset: Dataset,
    architecture: dict[str, Any],
) -> dict[str, Any]:
    """Trains a network, leaves it in ``best/``; returns how it went.

    Args:
      config: the run.
      path: where checkpoints of this very network lie.
      chain: the network.
      dataset: the images.
      architecture: what ``architecture.json`` says of it, beside what normalises
        its images and, where they are known, the names of the classes.
    """
    best = Path(config.workdir) / "best"
    mean, std = dataset.train.moments()
    images = {"mean": mean.tolist(), "std": std.tolist()}
    if dataset.classes:
        images["classes"] = list(dataset.classes)
    workdir.write_json(best / "architecture.json", architecture | images)
    variables, result = long_training.run(config, path, chain, dataset)
    workdir.save_tree(best / "weights", variables)
    return result


def genome_of(text: str, space: NetworkSpace) -> np.ndarray:
    """Reads ``--retrain_genome``: genes with commas between them.

    Raises:
      UsageError: it is no network of this space.
    """
    try:
        genes = [int(gene) for gene in text.split(",")]
    except ValueError:
        genes = []
    shortest = int((~np.asarray(space.choices())[:, -1]).sum())
    known = all(0 <= gene < space.num_genes for gene in genes)
    genome = np.array(genes + [PAD] * (space.length - len(genes)), np.int32)
    fits = shortest <= len(genes) <= space.length
    if not known or not fits or not space.valid(genome):
        count = f"{shortest} to {space.length}" if shortest < space.length else shortest
        raise UsageError(
            f"--retrain_genome={text} is no network of the space; give {count} genes "
            f"from 0 to {space.num_genes - 1}"
        )
    return genome


def describe(space: NetworkSpace, genome: np.ndarray, chain: Chain) -> dict[str, Any]:
    """The network for people and programs: blocks, layers, sizes, cost."""
    names = space.names(genome)
    return {
        "genome": [int(gene) for gene in genome if gene != PAD],
        "blocks": list(names),
        "depth": len(names),
        "image": list(space.image),
        "num_classes": space.num_classes,
        **space.settings,
        **figures(chain, space.image),
    }


def figures(chain: Chain, image: Size) -> dict[str, Any]:
    """Cost and layers of any network on images of this size."""
    total = cost(chain, image)
    return {
        "params": total.params,
        "flops": total.flops,
        "activations": total.activations,
        "layers": [to_text(part.layer) for part in trace(chain, image).layers],
    }


def config_again(config: Config, genome: np.ndarray) -> Config:
    """The config that trains this very network again, in a directory of its own."""
    genes = ",".join(str(gene) for gene in genome if gene != PAD)
    return dataclasses.replace(
        config,
        stage="retrain",
        workdir=f"{config.workdir}-retrained",
        retrain=dataclasses.replace(config.retrain, genome=genes),
    )
