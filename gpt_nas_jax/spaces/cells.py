"""Code shared by the cell spaces: variation, path features, common blocks."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.neighbours import random_neighbour
from gpt_nas_jax.types import Genome, Key, Space


class CellSpace:
    """A mixin for spaces whose genomes are cells."""

    @property
    def human_genes(self) -> Mapping[str, int]:
        """Empty: no block of the human-designed networks is a cell's operation."""
        return {}

    @property
    def settings(self) -> Mapping[str, int]:
        """Empty: decoding needs only the image size and the number of classes."""
        return {}

    def mutate(self: Space, key: Key, genome: Genome) -> Genome:
        """A random valid neighbour of a genome."""
        return random_neighbour(self, key, genome)


def crossover(key: Key, first: Genome, second: Genome) -> Genome:
    """One-point crossover at a random cut."""
    cut = jax.random.randint(key, (), 0, len(first) + 1)
    return jnp.where(jnp.arange(len(first)) < cut, first, second)


Paths = list[jax.Array]
"""Number of paths to a vertex: entry ``k`` is ``[kinds ** k]``, one count for every
sequence of ``k`` layers."""


def start_paths(kinds: int, longest: int) -> Paths:
    """The paths at the input: a single one without layers."""
    return [jnp.ones(1), *(jnp.zeros(kinds**k) for k in range(1, longest + 1))]


def extend_paths(paths: Paths, layer: jax.Array) -> Paths:
    """Extends every path by one layer.

    Args:
      paths: those that lead to the layer; the longest ones are dropped.
      layer: ``[kinds]``, one-hot; all zero for no layer.
    """
    return [jnp.zeros(1), *(jnp.outer(part, layer).ravel() for part in paths[:-1])]


def shared_blocks(
    chain: Chain, image: Size, cell: type[nn.Module]
) -> tuple[tuple[nn.Module, Size], ...]:
    """The distinct blocks of a network except its cells, with their input sizes."""
    found, size = {}, image
    for block in chain.blocks:
        if not isinstance(block, cell):
            found[block, size] = None
        size = trace(block, size).out_size
    return tuple(found)
