"""How a network is trained, a candidate or the best one."""

import dataclasses
from collections.abc import Iterator

from gpt_nas_jax.config.names import SCHEDULES
from gpt_nas_jax.config.setting import setting


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one network is trained; SGD with Nesterov momentum."""

    epochs: int = setting(6, "Training epochs.", low=1)
    batch: int = setting(512, "Batch size (paper: 512, ImageNet 128).", low=1)
    learning_rate: float = setting(0.01, "Peak learning rate (paper: 0.01).", low=0)
    warmup_epochs: float = setting(
        1.0,
        "Epochs of linear warm-up of the learning rate from 0; with a cosine or linear "
        "schedule, at most half of the epochs up to the first decay to 0 (ours).",
        low=0,
    )
    schedule: str = setting(
        "constant",
        "Learning rate after the warm-up: constant, cosine or linear decay to 0, or "
        "step, which divides it by 10 every step_epochs.",
        choices=SCHEDULES,
    )
    step_epochs: int = setting(
        100, "Epochs between the drops of the step schedule (paper: 100).", low=1
    )
    momentum: float = setting(0.9, "Momentum of SGD (ours).", low=0, high=1)
    weight_decay: float = setting(
        5e-4, "L2 coefficient, added to the gradient (ours).", low=0
    )
    pad: int = setting(
        4,
        "Zero padding before random crops, pixels (ours); imagenet2012 has random "
        "resized crops instead.",
        low=0,
    )
    cutout: int = setting(
        0,
        "Side of the square that cutout masks, pixels; 0: none (arXiv 1708.04552).",
        low=0,
    )

    def ends(self) -> tuple[int, ...]:
        """The last epochs of the parts that a network is trained in."""
        return (self.epochs,)

    def problems(self, section: str) -> Iterator[str]:
        """Yields a line for each contradiction; ``section`` is the flags' prefix."""
        if self.warmup_epochs > self.epochs:
            yield (
                f"--{section}_warmup_epochs={self.warmup_epochs} is more than "
                f"--{section}_epochs={self.epochs}"
            )


@dataclasses.dataclass(frozen=True)
class RetrainRecipe(Recipe):
    """A recipe with options that pay off only in a long training."""

    label_smoothing: float = setting(
        0.0,
        "Label smoothing: the weight of the uniform distribution (arXiv 1512.00567).",
        low=0,
        high=1,
    )
    ema: float = setting(
        0.0,
        "Decay per step of the moving average of weights and BatchNorm statistics, "
        "which is tested and saved; 0: off (arXiv 1905.11946: 0.9999).",
        low=0,
        high=1,
    )
    accumulate: int = setting(
        1,
        "Microbatches per batch, whose gradients are averaged for one step to save "
        "memory. BatchNorm normalises each microbatch separately (ours).",
        low=1,
    )

    randaugment_ops: int = setting(
        0,
        "Operations that RandAugment applies to each image, N; 0: none (arXiv "
        "1909.13719).",
        low=0,
    )
    randaugment_magnitude: float = setting(
        5.0,
        "Magnitude of RandAugment, M, on the scale of AutoAugment's ranges, whose "
        "maximum is 10.",
        low=0,
        high=10,
    )
    erasing: float = setting(
        0.0,
        "Probability that a rectangle of an image is replaced by random pixels; 0: "
        "off (arXiv 1708.04896: 0.5).",
        low=0,
        high=1,
    )
    mixup: float = setting(
        0.0,
        "Alpha of mixup, which mixes images and labels with a weight drawn from "
        "Beta(alpha, alpha); 0: off (arXiv 1710.09412: 0.1 to 1).",
        low=0,
    )
    cutmix: float = setting(
        0.0,
        "Alpha of cutmix, which pastes a rectangle of another image and mixes the "
        "labels by area; 0: off (arXiv 1905.04899: 1). With mixup, each batch uses one "
        "of the two.",
        low=0,
    )
    drop_path: float = setting(
        0.0,
        "Stochastic depth: probability of skipping the last residual block for an "
        "image; it decreases linearly towards the input (arXiv 1603.09382: 0.5).",
        low=0,
        high=1,
    )

    def problems(self, section: str) -> Iterator[str]:
        """Yields a line for each contradiction; ``section`` is the flags' prefix."""
        yield from super().problems(section)
        magnitude = self.randaugment_magnitude
        if not self.randaugment_ops and magnitude != type(self).randaugment_magnitude:
            yield (
                f"--{section}_randaugment_magnitude={magnitude} needs "
                f"--{section}_randaugment_ops=1 or more"
            )
        if self.drop_path == 1:
            yield f"--{section}_drop_path=1 leaves the last block nothing; lower it"
        if self.batch % self.accumulate:
            yield (
                f"--{section}_batch={self.batch} must be a multiple of "
                f"--{section}_accumulate={self.accumulate}"
            )


@dataclasses.dataclass(frozen=True)
class EvalRecipe(Recipe):
    """A recipe of candidates, whose training may end at a rung."""

    rungs: str = setting(
        "",
        "Successive halving: comma-separated epochs after which the worst candidates "
        "of a batch stop, such as 2,6,18; the last one must be --eval_epochs. The "
        "learning rate of a cosine or linear schedule decays to 0 before each rung and "
        "restarts after it; default: all candidates are trained to the end (arXiv "
        "1502.07943).",
    )

    def ends(self) -> tuple[int, ...]:
        """The last epochs of the parts that a network is trained in."""
        return tuple(map(int, self.rungs.split(","))) if self.rungs else (self.epochs,)

    def problems(self, section: str) -> Iterator[str]:
        """Yields a line for each contradiction; ``section`` is the flags' prefix."""
        yield from super().problems(section)
        given = f"--{section}_rungs={self.rungs}"
        names = self.rungs.split(",")
        if not self.rungs:
            return
        if not all(name.isdecimal() for name in names):
            yield f"{given}: give numbers of epochs, such as 2,6,18"
            return
        ends = self.ends()
        if len(ends) < 2 or ends[0] < 1 or sorted({*ends}) != [*ends]:
            yield f"{given}: give two or more numbers of epochs, from 1 and ascending"
        elif ends[-1] != self.epochs:
            yield f"{given} must end with --{section}_epochs={self.epochs}"
        elif self.warmup_epochs > ends[0]:
            yield (
                f"--{section}_warmup_epochs={self.warmup_epochs} is more than the "
                f"first of {given}"
            )
