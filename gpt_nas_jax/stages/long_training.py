"""A network trained for long: checkpoints on the way, one test at the end."""

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, RetrainConfig
from gpt_nas_jax.data.images import Dataset
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.stages.terminal import progress
from gpt_nas_jax.training import pmapped, whole
from gpt_nas_jax.training.batches import TrainingData
from gpt_nas_jax.training.placement import Placement, compute_type, mesh_of
from gpt_nas_jax.training.streamed import placed
from gpt_nas_jax.types import UsageError


def run(
    config: Config, path: Path, chain: Chain, dataset: Dataset
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trains a network on all training images and tests it once.

    Goes on from the checkpoint in ``path``, with the same result.

    Args:
      config: its ``retrain`` and ``train`` say how.
      path: where checkpoints of this very network lie.
      chain: the network.
      dataset: the images.

    Returns:
      Linen's collections, and epochs, test accuracy and seconds for ``result.json``.
    """
    recipe, train = config.retrain.recipe, dataset.train
    normalisation = (*train.moments(), dataset.flip, _placement(config))
    begin = time.monotonic()
    data = placed(train, *normalisation)
    state, before = _train(config, path, chain, data)
    test = placed(dataset.test, *normalisation)
    return state.variables(), {
        "epochs": recipe.epochs,
        "test_accuracy": whole.accuracy(chain, state, test, recipe.batch),
        "seconds": round(before + time.monotonic() - begin, 1),
    }


def check_devices(config: Config) -> None:
    """Raises UsageError where the devices cannot share a batch equally."""
    batch, devices = config.retrain.recipe.batch, jax.local_device_count()
    if batch % devices:
        raise UsageError(
            f"--retrain_batch={batch} cannot be shared equally by {devices} devices; "
            "make it a multiple of them"
        )


def _train(
    config: Config, path: Path, chain: Chain, data: TrainingData
) -> tuple[whole.NetworkState, float]:
    """The trained network and the seconds that earlier, interrupted runs took."""
    recipe = config.retrain.recipe
    steps = len(data) // recipe.batch
    key = stage_key(config.seed, "retrain")
    total = recipe.epochs * steps
    shapes = whole.shapes(chain, recipe, steps, data.in_size, key)
    resumed = workdir.load_latest(path, {"state": shapes, "seconds": np.zeros(())})
    begun, before = 0, 0.0
    if resumed is not None:
        begun, saved = resumed
        resumed, before = (begun, saved["state"]), float(saved["seconds"])
    begin = time.monotonic()
    with progress("training, epochs", recipe.epochs, done=begun // steps) as advance:

        def after_step(done: int, state: whole.NetworkState, loss: jax.Array) -> None:
            if done % steps == 0:
                advance(note=f"loss {float(loss):.4f}")
            if done == total or _is_due(config.retrain, done, steps):
                seconds = np.array(before + time.monotonic() - begin)
                workdir.save_step(path, done, {"state": state, "seconds": seconds})

        update = pmapped.step if config.train.parallel == "pmap" else whole.step
        state = whole.fit(chain, recipe, data, key, resumed, after_step, update)
        return state, before


def _is_due(settings: RetrainConfig, done: int, steps: int) -> bool:
    """Whether a checkpoint is due after so many steps, ``steps`` of them an epoch."""
    epochs, within = divmod(done, steps)
    at_epoch = not within and epochs % settings.checkpoint_epochs == 0
    every = settings.checkpoint_steps
    return at_epoch or bool(every and done % every == 0)


def _placement(config: Config) -> Placement:
    # pmap shares a batch out by itself.
    pmap = config.train.parallel == "pmap"
    mesh = None if pmap else mesh_of(jax.local_devices())
    return Placement(compute_type(config.train.precision), mesh)
