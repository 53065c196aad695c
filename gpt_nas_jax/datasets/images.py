"""Labelled images, and their parts for a search."""

import dataclasses
from typing import Protocol, Self

import jax
import numpy as np

from gpt_nas_jax.datasets import labelled, moments
from gpt_nas_jax.keys import GENERATOR
from gpt_nas_jax.types import Key, UsageError

_TEST_FRACTION = 0.2


class ImageSet(Protocol):
    """Labelled images wherever they lie."""

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
        """All of them, not augmented, ``uint8[N, H, W, C]``."""

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation by channel, to normalise by, ``float32[C]`` each."""

    def highest(self) -> int:
        """Value of the brightest pixel, or 255 where that is not known."""


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
        """Return the images at ``indices`` (``int[M]``), in that order."""
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
    """A data set as it was published.

    Attributes:
      name: what the user calls it.
      num_classes: how many classes the labels can name.
      train: images to fit and to choose by.
      test: images for the final figure only.
      flip: whether a mirrored image keeps its label.
      classes: what the labels stand for, in their order; empty where nobody says.
      note: one line on what was read and what was left out; empty where there is
        nothing to say.
      side: pixels that the short side of each picture was resized to; 0 where none was,
        or nobody says.
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
      train: images that weights are fitted to.
      valid: images that fitness is measured on.
      test: the data set's own test images.
      num_classes: how many classes the labels can name.
      flip: whether a mirrored image keeps its label.
      mean: ``float32[C]``, of the pixels of ``train`` scaled to [0, 1].
      std: ``float32[C]``, likewise; the population's standard deviation, 1 where a
        channel is constant.
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
    """A data set whose source has no test images.

    A fifth of each class, but at least one image, is set aside, the same in every run
    whatever its seed.

    Args:
      name: what the user calls it.
      num_classes: how many classes there are.
      images: in memory ``uint8[N, H, W, C]``; labels from 0 to ``num_classes - 1``.
      flip: whether a mirrored image keeps its label.
      classes: what the labels stand for, in their order; empty where nobody says.

    Raises:
      UsageError: a class has a single image, or the arrays are of another type or
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
    # The generator is named because a user can change JAX's default one.
    key = jax.random.key(0, impl=GENERATOR)
    test = _divided(images.labels, _TEST_FRACTION, key)
    train = images.take(np.delete(np.arange(len(images)), test))
    return Dataset(name, num_classes, train, images.take(test), flip, classes)


def split(
    dataset: Dataset, key: Key, valid_fraction: float, train_limit: int | None
) -> Splits:
    """Draw validation images from the training images of ``dataset``.

    Each part has at least one image of each class. The draw depends on ``key`` and
    ``valid_fraction`` alone, so a run with a ``train_limit`` is validated on the same
    images as one without.

    Args:
      dataset: what to divide; its test images are passed on.
      key: decides which images are drawn.
      valid_fraction: share of the training images to validate on, in (0, 1).
      train_limit: the most training images to keep, or None for all that remain.

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
    """Draw ``count`` indices into ``labels``, every class in the same share.

    A class gives its exact share rounded down or up to a whole image; those with
    the largest remainders are rounded up. Where a class would give none, or fewer than
    ``leave`` of it would remain, the largest classes make up for it if they can.

    Args:
      labels: ``int[N]``.
      count: of indices, at most N.
      key: decides which images of a class are drawn.
      leave: least images of each class that are not drawn.

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
    """Quotas of the same sum from 1, or 0 where no more may be, to ``most``.

    As they are where they are within these bounds, or where no quotas could be.
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
    """Indices of a share of the labels, with each class in them and in the rest."""
    present = len(np.unique(labels))
    count = round(fraction * len(labels))
    return stratified(
        labels, min(max(count, present), len(labels) - present), key, leave=1
    )


def _require_two(labels: np.ndarray, classes: tuple[str, ...], needs: str) -> None:
    """Raises UsageError where a class has a single image."""
    alone = np.flatnonzero(np.bincount(labels) == 1)
    if not len(alone):
        return
    names = [repr(classes[label]) if classes else str(label) for label in alone[:10]]
    more = f" and {len(alone) - len(names)} more" if len(alone) > len(names) else ""
    listed = f"{', '.join(names)}{more}"
    have = f"class {listed} has" if len(alone) == 1 else f"classes {listed} have"
    raise UsageError(f"{have} one image{needs}")
