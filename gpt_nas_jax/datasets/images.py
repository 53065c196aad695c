"""Labelled images, and their splits for a search."""

import dataclasses
from typing import Protocol, Self

import jax
import numpy as np

from gpt_nas_jax.datasets import labelled, moments
from gpt_nas_jax.keys import GENERATOR
from gpt_nas_jax.types import Key, UsageError

_TEST_FRACTION = 0.2


class ImageSet(Protocol):
    """Labelled images, in memory or on disk."""

    @property
    def labels(self) -> np.ndarray:
        """``int32[N]``, 0 to ``num_classes - 1``."""

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels of each image."""

    def __len__(self) -> int:
        """N."""

    def take(self, indices: np.ndarray) -> Self:
        """The images at ``indices`` (``int[M]``), in that order."""

    def pixels(self) -> np.ndarray:
        """All images, not augmented, ``uint8[N, H, W, C]``."""

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation per channel for normalisation, ``float32[C]`` each."""

    def highest(self) -> int:
        """Value of the brightest pixel, or 255 if unknown."""


# Arrays have no single truth value, so these classes compare by identity.
@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """Images in memory with their classes.

    Attributes:
      images: ``uint8[N, H, W, C]``, 0 (black) to 255.
      labels: ``int32[N]``, 0 to ``num_classes - 1``.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Images":
        """The images at ``indices`` (``int[M]``), in that order."""
        return Images(self.images[indices], self.labels[indices])

    @property
    def size(self) -> tuple[int, int, int]:
        """See `ImageSet`."""
        return self.images.shape[1:]

    def pixels(self) -> np.ndarray:
        """See `ImageSet`."""
        return self.images

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """See `ImageSet`."""
        pixels = self.images[..., 0].size
        return moments.of_sums(pixels, moments.sums(self.images))

    def highest(self) -> int:
        """See `ImageSet`."""
        return int(self.images.max())


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A data set with its published split.

    Attributes:
      name: as given by the user.
      num_classes: number of classes.
      train: images for training and model selection.
      test: images for the final accuracy only.
      flip: whether a mirrored image keeps its label.
      classes: names of the classes, by label; empty if unknown.
      note: one line on what was read and what was skipped; may be empty.
      side: pixels that the short side of each picture was resized to; 0 if none was, or
        if unknown.
    """

    name: str
    num_classes: int
    train: ImageSet
    test: ImageSet
    flip: bool
    classes: tuple[str, ...] = ()
    note: str = ""
    side: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """A data set with its training images divided into two disjoint parts.

    Attributes:
      train: images that weights are trained on.
      valid: images that fitness is measured on.
      test: the data set's own test images.
      num_classes: number of classes.
      flip: whether a mirrored image keeps its label.
      mean: ``float32[C]``, of the pixels of ``train`` scaled to [0, 1].
      std: ``float32[C]``, likewise; the population standard deviation, 1 for a constant
        channel.
    """

    train: ImageSet
    valid: ImageSet
    test: ImageSet
    num_classes: int
    flip: bool
    mean: np.ndarray
    std: np.ndarray


def with_test(
    name: str,
    num_classes: int,
    images: ImageSet,
    flip: bool,
    classes: tuple[str, ...] = (),
) -> Dataset:
    """Makes a data set from images without a test part.

    A fifth of each class, but at least one image, is held out, the same in every run
    whatever its seed.

    Args:
      name: as given by the user.
      num_classes: number of classes.
      images: in memory ``uint8[N, H, W, C]``; labels from 0 to ``num_classes - 1``.
      flip: whether a mirrored image keeps its label.
      classes: names of the classes, by label; empty if unknown.

    Raises:
      UsageError: a class has a single image, or the arrays have the wrong type or
        shape.
    """
    if isinstance(images, Images):
        labelled.check(f"data set {name}", images.images, images.labels, num_classes)
    _require_two(
        images.labels,
        classes,
        "; without a test part each class needs two, three for a search: add images of "
        "it, leave it out, or give a test part",
    )
    # The generator is explicit because a user can change JAX's default.
    key = jax.random.key(0, impl=GENERATOR)
    test = _divided(images.labels, _TEST_FRACTION, key)
    train = images.take(np.delete(np.arange(len(images)), test))
    return Dataset(name, num_classes, train, images.take(test), flip, classes)


def split(
    dataset: Dataset, key: Key, valid_fraction: float, train_limit: int | None
) -> Splits:
    """Splits the training images of ``dataset`` into training and validation images.

    Each part has at least one image of each class. The validation images depend only on
    ``key`` and ``valid_fraction``, so ``train_limit`` does not change them.

    Args:
      dataset: to split; its test images are kept.
      key: decides which images are drawn.
      valid_fraction: fraction of the training images for validation, in (0, 1).
      train_limit: maximum number of training images, or None for all the rest.

    Raises:
      UsageError: the fraction is not in (0, 1), a class has a single image, or
        ``train_limit`` is less than the number of classes.
    """
    if not 0 < valid_fraction < 1:
        raise UsageError(f"valid_fraction must be in (0, 1), not {valid_fraction}")
    valid_key, limit_key = jax.random.split(key)
    labels = dataset.train.labels
    _require_two(
        labels,
        dataset.classes,
        " to train on; a search needs two of each class, one of them to validate on, "
        "and three where there is no test part: add images of it or leave it out, or "
        "raise --data_fraction where it is below 1",
    )
    chosen = _divided(labels, valid_fraction, valid_key)
    valid = dataset.train.take(chosen)
    train = dataset.train.take(np.delete(np.arange(len(labels)), chosen))
    if train_limit is not None and train_limit < len(train):
        present = len(np.unique(labels))
        if train_limit < present:
            raise UsageError(
                f"--data_train_limit={train_limit} is less than the {present} classes, "
                f"each of which needs an image; raise it to at least {present}"
            )
        train = train.take(stratified(train.labels, train_limit, limit_key))
    mean, std = train.moments()
    return Splits(
        train=train,
        valid=valid,
        test=dataset.test,
        num_classes=dataset.num_classes,
        flip=dataset.flip,
        mean=mean,
        std=std,
    )


def stratified(
    labels: np.ndarray, count: int, key: Key, *, leave: int = 0
) -> np.ndarray:
    """Draws ``count`` indices into ``labels``, proportionally from each class.

    Exact proportions are rounded down or up to whole images; those with the largest
    remainders are rounded up. If no image of a class would be drawn, or fewer than
    ``leave`` would remain, the largest classes compensate if they can.

    Args:
      labels: ``int[N]``.
      count: number of indices, at most N.
      key: decides which images of a class are drawn.
      leave: minimum number of images of each class that are not drawn.

    Returns:
      ``int[count]``, ascending.
    """
    sizes = np.bincount(labels)
    quota, remainder = np.divmod(sizes * count, len(labels))
    rounded_up = np.argsort(-remainder, kind="stable")[: count - quota.sum()]
    quota[rounded_up] += 1
    quota = _bounded(quota, np.maximum(sizes - leave, 0))
    shuffled = np.asarray(jax.random.permutation(key, len(labels)))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    members = np.split(by_class, np.cumsum(sizes)[:-1])
    drawn = [group[:take] for group, take in zip(members, quota, strict=True)]
    return np.sort(np.concatenate(drawn))


def _bounded(quota: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Clips quotas to [min(1, most), most], keeping their sum.

    Returns them unchanged if no quotas of this sum are within the bounds.
    """
    least = np.minimum(1, most)
    count = quota.sum()
    if not least.sum() <= count <= most.sum():
        return quota
    bounded = np.clip(quota, least, most)
    while (excess := bounded.sum() - count) > 0:
        bounded[np.argmax(bounded - least)] -= 1
    while excess < 0:
        bounded[np.argmax(most - bounded)] += 1
        excess += 1
    return bounded


def _divided(labels: np.ndarray, fraction: float, key: Key) -> np.ndarray:
    """Indices of a fraction of the labels, with each class both in and outside."""
    present = len(np.unique(labels))
    count = round(fraction * len(labels))
    return stratified(
        labels, min(max(count, present), len(labels) - present), key, leave=1
    )


def _require_two(labels: np.ndarray, classes: tuple[str, ...], needs: str) -> None:
    """Raises UsageError if a class has a single image."""
    alone = np.flatnonzero(np.bincount(labels) == 1)
    if not len(alone):
        return
    names = [repr(classes[label]) if classes else str(label) for label in alone[:10]]
    more = f" and {len(alone) - len(names)} more" if len(alone) > len(names) else ""
    listed = f"{', '.join(names)}{more}"
    have = f"class {listed} has" if len(alone) == 1 else f"classes {listed} have"
    raise UsageError(f"{have} one image{needs}")
