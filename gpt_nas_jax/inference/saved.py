"""Loads the network that a run saves in ``best/``."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.datasets import preparation
from gpt_nas_jax.datasets.augment import normalise
from gpt_nas_jax.datasets.preparation import Preparation
from gpt_nas_jax.inference.predictor import Predictor
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import human
from gpt_nas_jax.spaces import registry
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.placement import compute_type
from gpt_nas_jax.types import UsageError

ARCHITECTURE = "architecture.json"
_WEIGHTS = "weights"
_REMEDY = "run the same command again to rewrite it"


@dataclasses.dataclass(frozen=True, eq=False)
class SavedNetwork:
    """A trained network and its metadata.

    Attributes:
      home: the folder, ``best/``.
      chain: the network.
      variables: Linen's collections, its weights.
      description: ``architecture.json``.
      preparation: of its images.
    """

    home: Path
    chain: Chain
    variables: Any
    description: Mapping[str, Any]
    preparation: Preparation

    @property
    def classes(self) -> tuple[str, ...]:
        """See `classes`."""
        return classes(self.description)

    def logits(self, pixels: np.ndarray, dtype: str = "float32") -> np.ndarray:
        """``uint8[B, H, W, C]`` to ``float32[B, K]``, computed in ``dtype``."""
        x = _normalised(dtype, pixels, *self.preparation.moments)
        return np.asarray(whole.infer(self.chain, self.variables, x))

    def predictor(self, config: Config) -> Predictor:
        """A predictor with the batch size and precision of the retraining's test."""
        recipe = config.retrain.recipe
        dtype = compute_type(config.train.precision)
        return Predictor(
            functools.partial(self.logits, dtype=dtype),
            self.preparation,
            self.classes,
            recipe.batch // recipe.accumulate,
        )


def description(best: Path) -> dict[str, Any] | None:
    """Reads ``architecture.json`` of a folder; None if it does not exist."""
    path = best / ARCHITECTURE
    if not path.exists():
        return None
    found: dict[str, Any] = workdir.read_json(path)
    return found


def classes(description: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the classes; their numbers where the data set has no names."""
    numbers = map(str, range(description["num_classes"]))
    return tuple(description.get("classes") or numbers)


def network(best: Path, config: Config) -> tuple[Chain, Any]:
    """Loads the network of a folder and its weights.

    Raises:
      UsageError: nothing has been trained yet, or the weights are damaged.
    """
    found = _described(best)
    image, classes = tuple(found["image"]), found["num_classes"]
    if "genome" in found:
        space = registry.build(config.space, image, classes)
        chain = space.decode(jnp.asarray(space.genome(found["blocks"])))
    else:
        chain = human(found["name"]).build(classes, image)
    shapes = trace(chain, image).collections()
    return chain, workdir.load_tree(best / _WEIGHTS, shapes, _REMEDY)


def read(best: Path, config: Config) -> SavedNetwork:
    """Loads a network with everything that its folder stores.

    Raises:
      UsageError: as `network`, or the preparation of images is not known.
    """
    found = _described(best)
    prepare = preparation.from_architecture(found, config.data)
    return SavedNetwork(best, *network(best, config), found, prepare)


def _described(best: Path) -> dict[str, Any]:
    found = description(best)
    if found is None or not (best / _WEIGHTS).is_dir():
        raise UsageError(f"no network is trained in {best} yet; retrain first")
    return found


@functools.partial(jax.jit, static_argnums=0)
def _normalised(
    dtype: str, pixels: jax.Array, mean: jax.Array, std: jax.Array
) -> jax.Array:
    return normalise(pixels, mean, std).astype(dtype)
