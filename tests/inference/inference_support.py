"""An untrained network in the form in which a run saves one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from gpt_nas_jax.config import Config
from gpt_nas_jax.datasets.preparation import Preparation
from gpt_nas_jax.inference.predictor import Predictor
from gpt_nas_jax.inference.saved import SavedNetwork
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.spaces.blocks.network import chain_of, named

CLASSES = ("ant", "bee", "cat")


def saved(
    image: Size, variables_of: Callable[..., Any], resize: int = 0
) -> SavedNetwork:
    """A network of two blocks for images of this size."""
    chain = chain_of(named(("Conv", "ReLU")), 16, 1, len(CLASSES))
    channels = image[-1]
    moments = (0.4,) * channels, (0.3,) * channels
    prepared = Preparation(image, resize, 255, *moments, upright=True)
    description = {"num_classes": len(CLASSES), "classes": CLASSES}
    # Weights of both signs and no biases, so that no class always wins.
    variables = jax.tree.map(
        lambda a: 3 * (a - 0.55) if a.ndim > 1 else 0 * a, variables_of(chain, image)
    )
    return SavedNetwork(Path("best"), chain, variables, description, prepared)


def predictor(
    image: Size, variables_of: Callable[..., Any], resize: int = 0
) -> Predictor:
    """The predictor of `saved`."""
    return saved(image, variables_of, resize).predictor(Config())
