"""``architecture.json``: a network and its images, for people and programs."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gpt_nas_jax.config import DataConfig
from gpt_nas_jax.datasets import preparation
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.networks.layers import Size, to_text
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import human
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.types import PAD

_OF_GENOME = ("genome", "blocks", "depth", "params", "flops")
_OF_HUMAN = ("name", "params", "flops")


def of_genome(space: NetworkSpace, genome: np.ndarray, chain: Chain) -> dict[str, Any]:
    """Describes the network of a genome: blocks, layers, sizes, cost.

    Args:
      space: of the genome.
      genome: ``int32[L]``.
      chain: the network of the genome.
    """
    names = space.names(genome)
    return {
        "genome": [int(gene) for gene in genome if gene != PAD],
        "blocks": list(names),
        "depth": len(names),
        "image": list(space.image),
        "num_classes": space.num_classes,
        **space.settings,
        **_figures(chain, space.image),
    }


def of_human(name: str, chain: Chain, dataset: Dataset) -> dict[str, Any]:
    """Describes a network of the zoo, built for the images of a data set."""
    image = dataset.train.size
    return {
        "name": name,
        "family": human(name).family,
        "image": list(image),
        "num_classes": dataset.num_classes,
        **_figures(chain, image),
    }


def of_images(config: DataConfig, dataset: Dataset) -> dict[str, Any]:
    """Describes how images are prepared and, if known, the classes."""
    prepare = preparation.of(config, dataset).to_json()
    images = {"mean": prepare["mean"], "std": prepare["std"], "prepare": prepare}
    if dataset.classes:
        images["classes"] = list(dataset.classes)
    return images


def state(architecture: Mapping[str, Any]) -> str:
    """The folder of a run that keeps the checkpoints of a network's training."""
    if "genome" not in architecture:
        return "baseline"
    # Another network's checkpoints may have the same shapes.
    digest = hashlib.sha256(repr(architecture["genome"]).encode()).hexdigest()
    return f"retrain/{digest[:16]}"


def in_result(
    architecture: Mapping[str, Any], further: Sequence[str] = ()
) -> dict[str, Any]:
    """The part ``best`` of ``result.json``: a network without its layers.

    Args:
      architecture: of the network.
      further: costs besides params and flops to include if known.
    """
    names = _OF_GENOME if "genome" in architecture else _OF_HUMAN
    known = (name for name in further if name in architecture)
    return {name: architecture[name] for name in (*names, *known)}


def _figures(chain: Chain, image: Size) -> dict[str, Any]:
    """Cost and layers of any network on images of this size."""
    total = cost(chain, image)
    return {
        "params": total.params,
        "flops": total.flops,
        "activations": total.activations,
        "memory": total.memory,
        "layers": [to_text(part.layer) for part in trace(chain, image).layers],
    }
