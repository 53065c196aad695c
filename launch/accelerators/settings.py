"""The experiments whose programs are compiled."""

import functools
from pathlib import Path

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.spaces.blocks.space import BlockSpace

LAUNCH = Path(__file__).resolve().parents[1]
COMPUTE = "bfloat16"
"""The type that ``--train_precision=auto`` means on an accelerator."""
# Images and classes, which flagfiles do not contain.
_DATA: dict[str, tuple[Size, int]] = {
    "cifar10": ((32, 32, 3), 10),
    "imagenet2012": ((224, 224, 3), 1000),
}
NAMES = ("cifar10", "imagenet")


@functools.cache
def config(name: str) -> Config:
    """The settings of a flagfile with the paper's rules, which need all programs."""
    files = LAUNCH / f"{name}.flags", LAUNCH / "paper" / "rules.flags"
    return flags.parse(["check", *(f"--flagfile={file}" for file in files)])


def space(name: str) -> BlockSpace:
    """The space of a flagfile."""
    chosen = config(name)
    image, classes = _DATA[chosen.data.name]
    settings = chosen.space
    return BlockSpace(
        image,
        classes,
        settings.min_depth,
        settings.max_depth,
        settings.width,
        settings.num_stages,
    )
