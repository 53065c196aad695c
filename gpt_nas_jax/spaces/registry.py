"""The spaces by name."""

from collections.abc import Callable, Mapping
from typing import cast

from gpt_nas_jax import plugins
from gpt_nas_jax.config import SpaceConfig
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.spaces import contract
from gpt_nas_jax.spaces.blocks import own
from gpt_nas_jax.spaces.blocks.network import TABLE_II
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.types import UsageError

Build = Callable[[SpaceConfig, Size, int], NetworkSpace]


def _blocks(config: SpaceConfig, image: Size, num_classes: int) -> BlockSpace:
    paths = filter(None, config.blocks.split(","))
    return BlockSpace(
        image,
        num_classes,
        config.min_depth,
        config.max_depth,
        config.width,
        config.num_stages,
        (*TABLE_II, *map(own.block, paths)),
    )


SPACES: Mapping[str, Build] = {
    "blocks": _blocks,
    "nasbench101": lambda _, image, classes: NasBench101Space(image, classes),
    "nasbench201": lambda _, image, classes: NasBench201Space(image, classes),
}


def build(config: SpaceConfig, image: Size, num_classes: int) -> NetworkSpace:
    """Builds the space of ``--space_name`` for a given image size.

    ``module:Name`` is called with the keywords ``image`` and ``num_classes``, and
    returns a `NetworkSpace`.

    Raises:
      UsageError: there is no such space, it lacks a method or attribute, its settings
        contradict each other or the images, or its networks are for other images.
    """
    if config.name in SPACES:
        return SPACES[config.name](config, image, num_classes)
    where = f"--space_name={config.name}"
    made = plugins.load("--space_name", config.name)
    if not callable(made):
        raise UsageError(f"{where} is not a class or function that makes a space")
    plugins.require_call(
        where,
        made,
        "the keywords image and num_classes and no others",
        ("image", "num_classes"),
        hint="; a space without networks is for gpt_nas_jax.search",
    )
    space = plugins.called(where, made, image=image, num_classes=num_classes)
    contract.check_networks(where, space, image, num_classes)
    return cast(NetworkSpace, space)
