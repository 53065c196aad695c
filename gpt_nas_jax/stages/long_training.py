"""A network trained for long: checkpoints on the way, one test at the end."""

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.data.images import Dataset, moments
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.stages.terminal import progress
from gpt_nas_jax.training import pmapped, whole
from gpt_nas_jax.training.batches import DeviceImages, to_device
from gpt_nas_jax.training.placement import Placement, compute_type, mesh_of
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
    normalisation = (*moments(train.images), dataset.flip, _placement(config))
    begin = time.monotonic()
    data = to_device(train, *normalisation)
    state, before = _train(config, path, chain, data)
    test = to_device(dataset.test, *normalisation)
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
    config: Config, path: Path, chain: Chain, data: DeviceImages
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
    with progress("training, epochs", recipe.epochs, done=first) as advance:

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
