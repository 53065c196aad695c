"""The best network: trained for long, tested once, kept on disk for its user."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, RetrainConfig
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.reports import architecture
from gpt_nas_jax.spaces import costs
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.stages import long_training
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.types import PAD, UsageError


def run(
    config: Config,
    problem: Problem,
    genome: np.ndarray,
    again: str,
    folder: str = "best",
) -> dict[str, Any]:
    """Trains a genome's network on all training images and tests it once.

    Writes its folder: ``architecture.json``, the weights and ``retrain.flags``.

    Args:
      config: the run.
      problem: images and space.
      genome: ``int32[L]``, valid.
      again: the flagfile of `config_again`.
      folder: below the workdir, where the network is kept.

    Returns:
      The parts ``best`` and ``retrain`` of ``result.json``.
    """
    home = workdir.folder(config.workdir)
    chain = problem.space.decode(genome)
    description = architecture.of_genome(problem.space, genome, chain)
    description |= costs.noted(problem.space, config.search.noted(), genome)
    if _holds_another(home / folder, description["genome"]):
        # Its checkpoints stay, so it takes no time to train it again.
        workdir.remove(home, ("result.json", folder))
    workdir.write_text(home / folder / "retrain.flags", again)
    path = home / architecture.state(description)
    return train_and_keep(config, path, chain, problem.dataset, description, folder)


def _holds_another(best: Path, genome: list[int]) -> bool:
    """Whether a folder describes another network than that of a genome."""
    path = best / "architecture.json"
    try:
        return path.exists() and workdir.read_json(path).get("genome") != genome
    except UsageError:
        # Damaged, so its weights may be those of any network.
        return True


def train_and_keep(
    config: Config,
    path: Path,
    chain: Chain,
    dataset: Dataset,
    description: dict[str, Any],
    folder: str = "best",
) -> dict[str, Any]:
    """Trains a network and leaves it in its folder.

    Args:
      config: the run.
      path: where checkpoints of this very network lie.
      chain: the network.
      dataset: the images.
      description: of the network, as of `reports.architecture`.
      folder: below the workdir, where the network is kept.

    Returns:
      The parts ``best`` and ``retrain`` of ``result.json``.
    """
    best = workdir.folder(config.workdir) / folder
    images = architecture.of_images(config.data, dataset)
    workdir.write_json(best / "architecture.json", description | images)
    variables, result = long_training.run(config, path, chain, dataset)
    workdir.save_tree(best / "weights", variables)
    shown = architecture.in_result(description, config.search.noted())
    return {"best": shown, "retrain": result}


def genome_of(text: str, space: NetworkSpace) -> np.ndarray:
    """Reads ``--retrain_genome``: genes with commas between them.

    Raises:
      UsageError: they are no network of this space.
    """
    try:
        genes = [int(gene) for gene in re.split(r"[,\s]+", text.strip())]
    except ValueError:
        genes = []
    shortest = int((~np.asarray(space.choices())[:, -1]).sum())
    known = all(0 <= gene < space.num_genes for gene in genes)
    fits = shortest <= len(genes) <= space.length
    # Numbers beyond the range of int32 are not genes.
    genome = np.full(space.length, PAD, np.int32)
    if known and fits:
        genome[: len(genes)] = genes
    if not known or not fits or not space.valid(genome):
        count = f"{shortest} to {space.length}" if shortest < space.length else shortest
        raise UsageError(
            f"--retrain_genome={text} is not a network of the space; give {count} "
            f"genes from 0 to {space.num_genes - 1}, separated by commas"
        )
    return genome


def config_again(config: Config, genome: np.ndarray, suffix: str = "") -> Config:
    """The config that trains this very network again, in a directory of its own.

    It is that of one process. The directory's name ends in ``suffix``.
    """
    genes = ",".join(str(gene) for gene in genome if gene != PAD)
    return dataclasses.replace(
        config,
        stage="retrain",
        executor=Config.executor,
        hosts=Config.hosts,
        ray=Config.ray,
        workdir=f"{config.workdir}-retrained{suffix}",
        eval=dataclasses.replace(config.eval, latency_table=""),
        retrain=dataclasses.replace(
            config.retrain, genome=genes, pick=RetrainConfig.pick, baselines=""
        ),
    )
