"""A band of arithmetic: the networks of a space that are neither small nor large."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.types import Genome, Key, Space, UsageError

_MEASURED = 4096
_TRIES = 8


class CostedSpace(Space, Protocol):
    """A space that knows the arithmetic of its networks without building them."""

    def flops(self, genomes: Genome) -> jax.Array:
        """``float32[...]``: floating-point operations for one image."""


@dataclasses.dataclass(frozen=True)
class Band:
    """A space without the networks outside a band; in all else the same.

    Variation is repeated until a child lies within, `_TRIES` times, so that strategies
    ask for nothing that is trained in vain.

    Attributes:
      space: the whole.
      low: fewest floating-point operations for one image.
      high: most.
      oversampling: random networks drawn for each one that is kept.
    """

    space: CostedSpace
    low: float
    high: float
    oversampling: int

    def __getattr__(self, name: str) -> Any:
        # Where it is unpickled, it is asked for methods before it has a space.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.space, name)

    def valid(self, genomes: Genome) -> jax.Array:
        """Whether ``int32[..., L]`` are networks within the band, ``bool[...]``."""
        flops = self.space.flops(genomes)
        return self.space.valid(genomes) & (flops >= self.low) & (flops <= self.high)

    def sample(self, key: Key, count: int) -> Genome:
        """``int32[count, L]`` random networks; too few are filled up with the first."""
        drawn = self.space.sample(key, self.oversampling * count)
        outside = ~self.valid(drawn)
        rows = jnp.argsort(outside, stable=True)[:count]
        return drawn[jnp.where(outside[rows], rows[0], rows)]

    def crossover(self, key: Key, first: Genome, second: Genome) -> Genome:
        """A child within the band, else the first parent."""
        return self._first(key, lambda k: self.space.crossover(k, first, second), first)

    def mutate(self, key: Key, genome: Genome) -> Genome:
        """A mutant within the band, else the genome."""
        return self._first(key, lambda k: self.space.mutate(k, genome), genome)

    def neighbour(self, genome: Genome, index: jax.Array) -> tuple[Genome, jax.Array]:
        """The genome one edit away, and whether there is such a one in the band."""
        edited, exists = self.space.neighbour(genome, index)
        return edited, exists & self.valid(edited)

    def _first(
        self, key: Key, vary: Callable[[Key], Genome], otherwise: Genome
    ) -> Genome:
        made = jax.vmap(vary)(jax.random.split(key, _TRIES))
        inside = self.valid(made)
        return jnp.where(inside.any(), made[jnp.argmax(inside)], otherwise)


def banded(space: Space, low: float, high: float) -> Space:
    """The space within a band; itself where there is no bound.

    Args:
      space: the whole.
      low: fewest floating-point operations for one image, 0 for no bound.
      high: most, 0 for no bound.

    Raises:
      UsageError: the space does not count them, or none of 4,096 random networks lies
        within.
    """
    if not low and not high:
        return space
    flags = f"--search_min_flops={low:g} and --search_max_flops={high:g}"
    if not hasattr(space, "flops"):
        raise UsageError(
            f"{flags} need a space with a method flops; {type(space).__name__} has none"
        )
    genomes = jax.jit(space.sample, static_argnums=1)(jax.random.key(0), _MEASURED)
    flops = np.asarray(space.flops(genomes))
    high = high or math.inf
    share = float(np.mean((flops >= low) & (flops <= high)))
    if not share:
        raise UsageError(
            f"{flags} leave no network: those of {_MEASURED:,} random ones have "
            f"{flops.min():.4g} to {flops.max():.4g}"
        )
    return Band(space, low, high, math.ceil(4 / share))
