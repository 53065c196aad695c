"""Batches of images that are decoded on the host while the device trains."""

import dataclasses
import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.datasets.images import Images, ImageSet
from gpt_nas_jax.keys import GENERATOR
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.training import input_wait
from gpt_nas_jax.training.balance import Balance, balance_of
from gpt_nas_jax.training.batches import (
    Batch,
    DeviceImages,
    TrainingData,
    augmented_batch,
    epoch_keys,
    normalised_batch,
    to_device,
)
from gpt_nas_jax.training.placement import SINGLE, Placement
from gpt_nas_jax.types import Key

HELD = 64 << 20
"""Maximum bytes of evaluation images that stay decoded on the device."""
_CHUNK = 64


def placed(
    images: ImageSet,
    mean: np.ndarray,
    std: np.ndarray,
    flip: bool,
    placement: Placement = SINGLE,
    balance: str = "none",
) -> TrainingData:
    """Images in memory on the devices, others as a stream.

    Args:
      images: what to train or to measure on.
      mean: ``float32[C]`` of pixels in [0, 1].
      std: ``float32[C]``, likewise.
      flip: whether a mirrored image keeps its label.
      placement: where batches lie, and their type.
      balance: a value of ``--data_balance``, for images that are trained on.
    """
    if isinstance(images, Images):
        return to_device(images, mean, std, flip, placement, balance)
    balanced = balance_of(balance, images)
    return StreamedImages(images, mean, std, flip, placement, balanced)


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedImages:
    """Images that come from disk batch by batch, and what normalises them.

    Order and augmentation derive from the same keys as those of images in memory, so
    they depend neither on how many processes decode nor on where a training began.
    Whole images are augmented on the device, as those in memory are; of others a random
    part, resized, takes the place of the recipe's shift. Evaluation images of at most
    `HELD` bytes stay on the device after their first use.

    Attributes:
      images: what there is.
      mean: ``float32[C]`` of pixels in [0, 1].
      std: ``float32[C]``, likewise.
      flip: whether a mirrored image keeps its label.
      placement: where its batches lie, and their type.
      balance: how classes of unequal size are treated.
    """

    images: ImageSet
    mean: np.ndarray
    std: np.ndarray
    flip: bool
    placement: Placement
    balance: Balance
    _lock: Any = dataclasses.field(default_factory=threading.Lock, init=False)
    _kept: list[DeviceImages] = dataclasses.field(default_factory=list, init=False)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def in_size(self) -> Size:
        """See `TrainingData`."""
        return self.images.size

    def batches(self, recipe: Recipe, key: Key, first_step: int = 0) -> Iterator[Batch]:
        """See `TrainingData`."""
        rows = self.placement.own_rows(recipe.batch)
        plan = _Plan(key, self.images.labels, self.balance, recipe, first_step, rows)
        if not len(plan):
            return
        # One stream of all epochs: processes that decode take seconds to start.
        stream = self.images.augmented(len(rows), plan, self.flip)
        whole = self.images.whole
        arrays = self._assembled(stream, recipe.batch, flip=whole and self.flip)
        if not whole:
            # Shifted and mirrored where they were decoded.
            recipe = dataclasses.replace(recipe, pad=0)
        begun, first = divmod(first_step, plan.steps)
        for number in range(begun, recipe.epochs):
            _, batch_key = epoch_keys(key, number)
            for step in range(first, plan.steps):
                yield augmented_batch(recipe, next(arrays), batch_key, step)
            first = 0
        # Processes end with their stream.
        next(arrays, None)

    def plain(self, size: int) -> Iterator[Batch]:
        """See `TrainingData`."""
        if self._fits():
            yield from self._held().plain(size)
            return
        rows = np.arange(-(-len(self) // size) * size).reshape(-1, size)
        rows = rows[:, self.placement.own_rows(size)]
        own = rows.shape[1]
        chosen = self.images.take(np.minimum(rows.ravel(), len(self) - 1))
        labels = np.where(rows < len(self), chosen.labels.reshape(-1, own), -1)
        stream = zip(chosen.plain(own), labels, strict=True)
        for batch in self._assembled(stream, size):
            yield normalised_batch(batch)

    def _fits(self) -> bool:
        within = len(self) * math.prod(self.in_size) <= HELD
        return within and not self.placement.spans_processes

    def _held(self) -> DeviceImages:
        """All images on the device; decoded at the first call."""
        with self._lock:
            if not self._kept:
                parts = list(input_wait.counted(self.images.plain(_CHUNK)))
                images = Images(np.concatenate(parts), self.images.labels)
                moments = self.mean, self.std
                data = to_device(images, *moments, self.flip, self.placement)
                self._kept.append(data)
        return self._kept[0]

    def _assembled(
        self,
        stream: Iterator[tuple[np.ndarray, np.ndarray]],
        size: int,
        flip: bool = False,
    ) -> Iterator[DeviceImages]:
        """Batches of ``size`` pixels and labels, prepared like images in memory."""
        moments = self._everywhere(self.mean, self.std, self.balance)
        for batch in input_wait.counted(stream):
            arrays = (self.placement.global_batch(a, size) for a in batch)
            yield DeviceImages(*arrays, *moments, flip, self.placement)

    def _everywhere(self, *arrays: Any) -> tuple[Any, ...]:
        return self.placement.everywhere(jax.device_put(arrays))


class _Plan(Sequence[tuple[int, int]]):
    """This process's images of a whole training in their order; see `streams.Plan`.

    Sent to another process it holds the key and the labels, and works the order of an
    epoch out when the first of its images is asked for.
    """

    def __init__(
        self,
        key: Key,
        labels: np.ndarray,
        balance: Balance,
        recipe: Recipe,
        first_step: int,
        rows: np.ndarray,
    ) -> None:
        self.steps = len(labels) // recipe.batch
        # A typed key cannot be sent.
        self._key = np.asarray(jax.random.key_data(key))
        self._labels, self._balance, self._batch = labels, balance, recipe.batch
        # Of each batch.
        self._rows = rows
        self._first = first_step
        self._count = (recipe.epochs * self.steps - first_step) * len(rows)
        self._latest: tuple[int, np.ndarray, int] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[int, int]:
        step, row = divmod(index, len(self._rows))
        number, step = divmod(self._first + step, self.steps)
        if self._latest is None or self._latest[0] != number:
            self._latest = number, *self._epoch(number)
        _, order, bits = self._latest
        place = step, self._rows[row]
        if self._balance.classes is not None:
            # The same image may come again in an epoch, and is to look different.
            bits = (bits + int(np.ravel_multi_index(place, order.shape))) % 2**64
        return int(order[place]), bits

    def _epoch(self, number: int) -> tuple[np.ndarray, int]:
        """The order of an epoch, and the bits of all its images."""
        key = jax.random.wrap_key_data(self._key, impl=GENERATOR)
        order_key, batch_key = epoch_keys(key, number)
        order = self._balance.order(order_key, self._labels, self._batch)
        high, low = map(int, jax.random.key_data(batch_key))
        return np.asarray(order), high << 32 | low
