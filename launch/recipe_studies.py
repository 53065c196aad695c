"""The studies of `launch/ablation_recipe.py`: networks, images and recipes."""

import dataclasses
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.datasets.images import ImageSet


@dataclasses.dataclass(frozen=True)
class Study:
    """Recipes for one network.

    Attributes:
      title: of its table.
      about: what is trained, in one or two sentences.
      home: where its runs are.
      flags: of all its runs.
      reference: the recipe that the others are compared with.
      variants: recipes by name, each by its flags.
      prepare: makes the data of its runs, given the folder of CIFAR-10.
      measure: the accuracy of its table.
    """

    title: str
    about: str
    home: Path
    flags: tuple[str, ...]
    reference: str
    variants: Mapping[str, tuple[str, ...]]
    prepare: Callable[[str], None] = lambda data_dir: None
    measure: str = "test accuracy"


# The paper's schedule: 0.01, divided by ten every two sevenths of the epochs.
_PAPER = (
    "--retrain_learning_rate=0.01",
    "--retrain_schedule=step",
    "--retrain_step_epochs=6",
)
# launch/recipes/modern.flags at small scale: rate, pad and cutout scale with the batch
# and the side of the images, the average covers the same number of epochs.
_OURS = (
    "--retrain_learning_rate=0.05",
    "--retrain_warmup_epochs=2",
    "--retrain_label_smoothing=0.1",
    "--retrain_ema=0.98",
    "--retrain_cutout=4",
    "--retrain_schedule=cosine",
)
_DIGITS = Study(
    title="The parts of our recipe on digits",
    about="A chain of four blocks, 28,074 parameters, 20 epochs.",
    home=Path("runs/ablation_recipe"),
    flags=(
        f"--flagfile={Path(__file__).with_name('digits.flags')}",
        "--stage=retrain",
        # Stem, BasicBlock, InvertedResidual, Bottleneck.
        "--retrain_genome=5,7,9,6",
        "--retrain_epochs=20",
    ),
    reference="ours",
    variants={
        "the paper's": _PAPER,
        "ours": _OURS,
        "without label smoothing": (*_OURS, "--retrain_label_smoothing=0"),
        "without the average": (*_OURS, "--retrain_ema=0"),
        "without cutout": (*_OURS, "--retrain_cutout=0"),
        "constant, not cosine": (*_OURS, "--retrain_schedule=constant"),
    },
)

_HOME = Path("runs/ablation_augmentation")
_IMAGES = _HOME / "images.npz"
_LONG_HOME = Path("runs/ablation_long")
_VALIDATION = _LONG_HOME / "images.npz"
_TRAIN = 5_000
_SIDE = 16


def _prepare_cifar10(data_dir: str) -> None:
    """Keeps some training images and all test images."""
    if not _IMAGES.exists():
        dataset = registry.load("cifar10", data_dir)
        some = images.stratified(dataset.train.labels, _TRAIN, jax.random.key(0))
        _write(_IMAGES, dataset.train.take(some), dataset.test)


def _prepare_validation(data_dir: str) -> None:
    """Splits the training images; some are measured in place of the test images."""
    if not _VALIDATION.exists():
        train = registry.load("cifar10", data_dir).train
        some = images.stratified(train.labels, _TRAIN, jax.random.key(0))
        rest = np.setdiff1d(np.arange(len(train)), some)
        _write(_VALIDATION, train.take(rest), train.take(some))


def _write(path: Path, train: ImageSet, test: ImageSet) -> None:
    """Writes images, downscaled by averaging."""
    arrays = {}
    for name, part in (("train", train), ("test", test)):
        blocks = part.pixels().reshape(len(part), _SIDE, 2, _SIDE, 2, 3)
        arrays[f"x_{name}"] = np.round(blocks.mean((2, 4))).astype(np.uint8)
        arrays[f"y_{name}"] = part.labels
    file = io.BytesIO()
    np.savez(file, **arrays)
    workdir.write_bytes(path, file.getvalue())


_STRONG = {
    "RandAugment, N=1, M=5": ("--retrain_randaugment_ops=1",),
    "random erasing, p=0.5": ("--retrain_erasing=0.5",),
    "mixup, alpha=0.2": ("--retrain_mixup=0.2",),
    "cutmix, alpha=1": ("--retrain_cutmix=1",),
    "stochastic depth, 0.2": ("--retrain_drop_path=0.2",),
}
_SMALL = Study(
    title="",
    about=(
        "5,000 training images and all 10,000 test images of CIFAR-10, averaged to "
        "16x16; Stem and three BasicBlocks of 16, 32 and 64 channels, 15 epochs, "
        "batches of 100, cosine from 0.1, shifts by 2 pixels and mirroring."
    ),
    home=_HOME,
    flags=(
        "--data_name=npz",
        f"--data_dir={_IMAGES}",
        "--space_min_depth=4",
        "--space_width=16",
        "--space_num_stages=3",
        "--stage=retrain",
        "--retrain_genome=5,7,7,7",
        "--retrain_epochs=15",
        "--retrain_batch=100",
        "--retrain_learning_rate=0.1",
        "--retrain_warmup_epochs=1",
        "--retrain_schedule=cosine",
        "--retrain_pad=2",
    ),
    reference="plain",
    variants={},
    prepare=_prepare_cifar10,
)
_AUGMENTATION = dataclasses.replace(
    _SMALL,
    title="Augmentations of the retraining on CIFAR-10 at small scale",
    variants={
        "plain": (),
        "cutout, 8 pixels": ("--retrain_cutout=8",),
        **_STRONG,
        "the last five together": tuple(
            flag for chosen in _STRONG.values() for flag in chosen
        ),
    },
)
_SCHEDULE = dataclasses.replace(
    _SMALL,
    title="Schedule, rate and averages of the retraining on CIFAR-10 at small scale",
    home=Path("runs/ablation_schedule"),
    variants={
        "plain": (),
        "linear decay": ("--retrain_schedule=linear",),
        "a tenth every five epochs": (
            "--retrain_schedule=step",
            "--retrain_step_epochs=5",
        ),
        "constant": ("--retrain_schedule=constant",),
        "rate 0.05": ("--retrain_learning_rate=0.05",),
        "rate 0.2": ("--retrain_learning_rate=0.2",),
        "averages, 0.99": ("--retrain_ema=0.99",),
        "constant, averages, 0.99": (
            "--retrain_schedule=constant",
            "--retrain_ema=0.99",
        ),
        "label smoothing, 0.1": ("--retrain_label_smoothing=0.1",),
    },
)

# An average covers a tenth of the training.
_LONG = dataclasses.replace(
    _SMALL,
    title="Schedule and averages in a training of thousands of steps",
    about=(
        "45,000 training images of CIFAR-10, measured on the other 5,000, averaged to "
        "16x16; Stem and three BasicBlocks of 16, 32 and 64 channels, 6 epochs in "
        "2,106 batches of 128, cosine from 0.1, shifts by 2 pixels and mirroring."
    ),
    home=_LONG_HOME,
    flags=(
        *(flag for flag in _SMALL.flags if not flag.startswith("--data_dir")),
        f"--data_dir={_VALIDATION}",
        "--retrain_epochs=6",
        "--retrain_batch=128",
    ),
    variants={
        "plain": (),
        "rate 0.2": ("--retrain_learning_rate=0.2",),
        "averages, 0.9953": ("--retrain_ema=0.9953",),
        "constant, averages, 0.9953": (
            "--retrain_schedule=constant",
            "--retrain_ema=0.9953",
        ),
    },
    prepare=_prepare_validation,
    measure="validation accuracy",
)

STUDIES = {
    "digits": _DIGITS,
    "cifar10": _AUGMENTATION,
    "schedule": _SCHEDULE,
    "long": _LONG,
}
