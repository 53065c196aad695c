"""The best network: trained for long, tested once, left on disk for its user."""

import dataclasses
import hashlib
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.data.images import moments
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.networks.layers import to_text
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks import BlockSpace
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.stages.terminal import progress
from gpt_nas_jax.training import pmapped, whole
from gpt_nas_jax.training.batches import to_device
from gpt_nas_jax.training.placement import Placement, compute_type, mesh_of
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
    best = Path(config.workdir) / "best"
    chain = problem.space.decode(genome)
    recipe, dataset = config.retrain.recipe, problem.dataset
    mean, std = moments(dataset.train.images)
    architecture = describe(problem.space, genome, chain)
    architecture |= {"mean": mean.tolist(), "std": std.tolist()}
    workdir.write_json(best / "architecture.json", architecture)
    workdir.write_text(best / "retrain.flags", again)
    normalisation = (mean, std, dataset.flip, _placement(config))
    data = to_device(dataset.train, *normalisation)
    begin = time.monotonic()
    # Another network's checkpoints may have the same shapes.
    name = hashlib.sha256(repr(architecture["genome"]).encode()).hexdigest()[:16]
    path = Path(config.workdir) / _STATE / name
    state, before = _train(config, path, chain, data)
    workdir.save_tree(best / "weights", state.variables())
    test = to_device(dataset.test, *normalisation)
    names = ("genome", "blocks", "depth", "params", "flops")
    return {
        "best": {name: architecture[name] for name in names},
        "retrain": {
            "epochs": recipe.epochs,
            "test_accuracy": whole.accuracy(chain, state, test, recipe.batch),
            "seconds": round(before + time.monotonic() - begin, 1),
        },
    }


def check_devices(config: Config) -> None:
    """Raises UsageError where the devices cannot share a batch equally."""
    batch, devices = config.retrain.recipe.batch, jax.local_device_count()
    if batch % devices:
        raise UsageError(
            f"--retrain_batch={batch} cannot be shared equally by {devices} devices; "
            "make it a multiple of them"
        )


def genome_of(text: str, space: BlockSpace) -> np.ndarray:
    """Reads ``--retrain_genome``: genes with commas between them.

    Raises:
      UsageError: it is no chain of this space.
    """
    try:
        genes = [int(gene) for gene in text.split(",")]
    except ValueError:
        genes = []
    known = all(0 <= gene < space.num_genes for gene in genes)
    if not known or not space.min_depth <= len(genes) <= space.max_depth:
        raise UsageError(
            f"--retrain_genome={text} should hold {space.min_depth} to "
            f"{space.max_depth} genes from 0 to {space.num_genes - 1}"
        )
    return np.array(genes + [PAD] * (space.max_depth - len(genes)), np.int32)


def describe(space: BlockSpace, genome: np.ndarray, chain: Chain) -> dict[str, Any]:
    """The network for people and programs: blocks, layers, sizes, cost."""
    names = space.names(genome)
    traced = trace(chain, space.image)
    total = cost(chain, space.image)
    return {
        "genome": [int(gene) for gene in genome if gene != PAD],
        "blocks": list(names),
        "depth": len(names),
        "image": list(space.image),
        "num_classes": space.num_classes,
        "width": space.width,
        "num_stages": space.num_stages,
        "params": total.params,
        "flops": total.flops,
        "activations": total.activations,
        "layers": [to_text(part.layer) for part in traced.layers],
    }


def _train(
    config: Config, path: Path, chain: Chain, data: whole.DeviceImages
) -> tuple[whole.NetworkState, float]:
    """The trained network and the seconds that earlier, interrupted runs took."""
    recipe = config.retrain.recipe
    steps = len(data) // recipe.batch
    key = stage_key(config.seed, "retrain")
    size = data.images.shape[1:]
    start = whole.start(chain, recipe, steps, size, key)
    resumed = workdir.load_latest(path, {"state": start, "seconds": np.zeros(())})
    first, before = 0, 0.0
    if resumed is not None:
        first, saved = resumed
        resumed, before = (first, saved["state"]), float(saved["seconds"])
    begin = time.monotonic()
    with progress("retraining, epochs", recipe.epochs, done=first) as advance:

        def after_epoch(epoch: int, state: whole.NetworkState, loss: jax.Array) -> None:
            advance(note=f"loss {float(loss):.4f}")
            if epoch % config.retrain.checkpoint_epochs == 0 or epoch == recipe.epochs:
                seconds = np.array(before + time.monotonic() - begin)
                workdir.save_step(path, epoch, {"state": state, "seconds": seconds})

        update = pmapped.step if config.train.parallel == "pmap" else whole.step
        state = whole.fit(chain, recipe, data, key, resumed, after_epoch, update)
        return state, before


def _placement(config: Config) -> Placement:
    # pmap shares a batch out by itself.
    pmap = config.train.parallel == "pmap"
    mesh = None if pmap else mesh_of(jax.local_devices())
    return Placement(compute_type(config.train.precision), mesh)


def config_again(config: Config, genome: np.ndarray) -> Config:
    """The config that trains this very network again, in a directory of its own."""
    genes = ",".join(str(gene) for gene in genome if gene != PAD)
    return dataclasses.replace(
        config,
        stage="retrain",
        workdir=f"{config.workdir}-retrained",
        retrain=dataclasses.replace(config.retrain, genome=genes),
    )
