"""The problem of a search: images, their splits and a space of networks."""

import contextlib
import dataclasses
import math
import sys

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import COSTS, LATENCY, Config, Recipe
from gpt_nas_jax.datasets import images
from gpt_nas_jax.datasets import registry as datasets
from gpt_nas_jax.datasets.images import Dataset, Splits
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.reports.page.run import IMAGES
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.spaces import costs, registry
from gpt_nas_jax.spaces.limits import Limit, limited
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.types import Space, UsageError


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """A data set, its splits and the space of networks for it."""

    dataset: Dataset
    splits: Splits
    space: NetworkSpace


def load_dataset(config: Config) -> Dataset:
    """Reads the data set, for a training on all its training images.

    A note on it, if any, is printed as one line.

    Raises:
      UsageError: it is missing, or has fewer training images than a batch.
    """
    data = config.data
    dataset = datasets.load(
        data.name,
        data.dir,
        side=data.side or _kept_side(config),
        flip=data.flip,
        workers=data.workers,
        progress=progress,
        skip_unreadable=data.unreadable == "skip",
        stream=data.stream,
    )
    if dataset.note:
        # Only tables go to standard output.
        print(dataset.note, file=sys.stderr)
    if config.stage != "search":
        _check_batch("--retrain_batch", config.retrain.recipe, len(dataset.train))
    return dataset


def settled(config: Config, dataset: Dataset) -> Config:
    """The config with the side that was chosen for pictures of several sizes.

    With it another run reads them as this one does, even if the folder has changed.
    """
    if config.data.name != "folder":
        return config
    data = dataclasses.replace(config.data, side=dataset.side)
    return dataclasses.replace(config, data=data)


def _kept_side(config: Config) -> int:
    """The side of the images that the results of this run come from, or 0."""
    path = workdir.folder(config.workdir)
    file = path / IMAGES
    # Without results, the images may have been those of another --data_dir.
    if config.data.name != "folder" or not file.exists():
        return 0
    if workdir.result_in(path) is None:
        return 0
    # The file is written anew by every stage that searches or trains.
    with contextlib.suppress(UsageError):
        return int(workdir.read_sealed(file).get("side", 0))
    return 0


def load(config: Config) -> Problem:
    """Reads the data set and splits it by the seed.

    Raises:
      UsageError: the data set is missing, or too small for the settings.
    """
    data, dataset = config.data, load_dataset(config)
    key = stage_key(config.seed, "data")
    splits = images.split(
        _searched(dataset, config),
        key,
        data.valid_fraction,
        data.train_limit or None,
    )
    if 0 < data.valid_limit < len(splits.valid):
        limit_key = stage_key(config.seed, "valid_limit")
        kept = images.stratified(splits.valid.labels, data.valid_limit, limit_key)
        splits = dataclasses.replace(splits, valid=splits.valid.take(kept))
        present = len(np.unique(dataset.train.labels))
        if len(np.unique(splits.valid.labels)) < present:
            raise UsageError(
                f"--data_valid_limit={data.valid_limit} leaves a class without an "
                f"image to measure fitness on; raise it to at least {present}"
            )
    needed = 2 * config.eval.proxy_batch if config.search_proxies() else 0
    if needed > len(splits.train):
        raise UsageError(
            f"--eval_proxy_batch={config.eval.proxy_batch}: two batches are more than "
            f"the {len(splits.train)} images there"
        )
    if _trains_candidates(config):
        _check_batch("--eval_batch", config.eval.recipe, len(splits.train))
    space = registry.build(config.space, dataset.train.size, dataset.num_classes)
    return Problem(dataset, splits, space)


def within_limits(config: Config, space: Space, timed: bool = True) -> Space:
    """The space restricted to the limits of the search.

    Args:
      config: of the search.
      space: of all its networks.
      timed: whether latency has been measured, if it is needed.

    Raises:
      UsageError: no network is left, or the space does not know a cost.
    """
    # Latency is measured for a search, not for its prior.
    timed = timed and config.stage != "pretrain"
    known = [cost for cost in COSTS if cost != LATENCY or timed]
    objectives = tuple(cost for cost in config.search.costs() if cost in known)
    costs.require(f"--search_objectives={config.search.objectives}", space, objectives)
    limits = (Limit(cost, *config.search.bounds(cost)) for cost in known)
    return limited(space, limits)


def _trains_candidates(config: Config) -> bool:
    """Whether candidates or finalists are trained, both by the recipe of ``eval``."""
    trains = config.eval.method == "trained" or config.search.finalists > 1
    return trains and config.stage != "retrain"


def _check_batch(flag: str, recipe: Recipe, count: int) -> None:
    if recipe.batch > count:
        raise UsageError(
            f"{flag}={recipe.batch} exceeds the {count} training images; lower it"
        )


def _searched(dataset: Dataset, config: Config) -> Dataset:
    """The data set with as many training images as the search sees."""
    fraction, labels = config.data.fraction, dataset.train.labels
    if fraction == 1:
        return dataset
    key = stage_key(config.seed, "fraction")
    kept = images.stratified(labels, round(fraction * len(labels)), key)
    present = len(np.unique(labels))
    if len(np.unique(labels[kept])) < present:
        least = min(1, math.ceil(2000 * present / len(labels)) / 1000)
        raise UsageError(
            f"--data_fraction={fraction} leaves a class without an image; raise it to "
            f"at least {least:g}, two images of each class"
        )
    return dataclasses.replace(dataset, train=dataset.train.take(kept))
