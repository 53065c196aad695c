"""Shared by the spaces of cells: variation, paths as features, common blocks."""

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
        """Empty: no block of the human networks is a cell's operation."""
        return {}

    @property
    def settings(self) -> Mapping[str, int]:
        """Empty: images and classes are all that decoding takes."""
        return {}

    def mutate(self: Space, key: Key, genome: Genome) -> Genome:
        """A random valid neighbour of a genome."""
        return random_neighbour(self, key, genome)


def crossover(key: Key, first: Genome, second: Genome) -> Genome:
    """The genes of one in front of a random cut, those of the other behind it."""
    cut = jax.random.randint(key, (), 0, len(first) + 1)
    return jnp.where(jnp.arange(len(first)) < cut, first, second)


Paths = list[jax.Array]
"""How many paths lead to a place: entry ``k`` is ``[layers ** k]``, one number for
every sequence of ``k`` layers."""


def start_paths(kinds: int, longest: int) -> Paths:
    """At the input: one path, without layers."""
    return [jnp.ones(1), *(jnp.zeros(kinds**k) for k in range(1, longest + 1))]


def extend_paths(paths: Paths, layer: jax.Array) -> Paths:
    """Every path one layer longer.

    Args:
      paths: those in front of it; the longest ones end.
      layer: ``[kinds]``, one-hot; all zero where there is no layer.
    """
    return [jnp.zeros(1), *(jnp.outer(part, layer).ravel() for part in paths[:-1])]


def shared_blocks(
    chain: Chain, image: Size, cell: type[nn.Module]
) -> tuple[tuple[nn.Module, Size], ...]:
    """The distinct blocks of a network but its cells, with their input sizes."""
    found, size = {}, image
    for block in chain.blocks:
        if not isinstance(block, cell):
            found[block, size] = None
        size = trace(block, size).out_size
    return tuple(found)
