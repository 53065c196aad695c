"""The studies of `launch/ablation_recipe.py`: networks, images and recipes."""

import dataclasses
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.datasets import images, registry


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
    """

    title: str
    about: str
    home: Path
    flags: tuple[str, ...]
    reference: str
    variants: Mapping[str, tuple[str, ...]]
    prepare: Callable[[str], None] = lambda data_dir: None


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
_TRAIN = 5_000
_SIDE = 16


def _prepare_cifar10(data_dir: str) -> None:
    """Keeps some training images and all test images, downscaled by averaging."""
    if _IMAGES.exists():
        return
    dataset = registry.load("cifar10", data_dir)
    labels = dataset.train.labels
    train = dataset.train.take(images.stratified(labels, _TRAIN, jax.random.key(0)))
    arrays = {}
    for name, part in (("train", train), ("test", dataset.test)):
        blocks = part.pixels().reshape(len(part), _SIDE, 2, _SIDE, 2, 3)
        arrays[f"x_{name}"] = np.round(blocks.mean((2, 4))).astype(np.uint8)
        arrays[f"y_{name}"] = part.labels
    file = io.BytesIO()
    np.savez(file, **arrays)
    workdir.write_bytes(_IMAGES, file.getvalue())


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

STUDIES = {"digits": _DIGITS, "cifar10": _AUGMENTATION, "schedule": _SCHEDULE}
