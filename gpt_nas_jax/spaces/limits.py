"""A space restricted to networks whose costs are within given limits."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.spaces import costs
from gpt_nas_jax.spaces.wrapped import Wrapped
from gpt_nas_jax.types import Genome, Key, Space, UsageError

_MEASURED = 4096
_TRIES = 8
_DRAWN = 2**20
"""The most random networks to draw at a time."""
_SURE = 8
"""So many are drawn at a time that one is certainly within the limits."""
_DESCENTS = 16


@dataclasses.dataclass(frozen=True)
class Limit:
    """Bounds of one cost, both inclusive.

    Attributes:
      cost: its name, see `spaces.costs`.
      low: the minimum; 0 for no bound.
      high: the maximum; 0 for no bound.
    """

    cost: str
    low: float
    high: float

    def __str__(self) -> str:
        """The flags that set it."""
        flags = {"min": self.low, "max": self.high}
        return " and ".join(
            f"--search_{name}_{self.cost}={value:.10g}"
            for name, value in flags.items()
            if value
        )

    def holds(self, space: Space, genomes: Genome) -> jax.Array:
        """``bool[...]``: whether networks are within the limit."""
        found = getattr(space, self.cost)(genomes)
        return (found >= self.low) & (found <= (self.high or math.inf))


@dataclasses.dataclass(frozen=True)
class Limited(Wrapped):
    """A space restricted to networks within limits, otherwise unchanged.

    Variation makes `_TRIES` children and keeps the first within the limits, so that
    strategies do not propose networks that would be trained in vain.

    Attributes:
      space: the unrestricted space.
      limits: all of which its networks satisfy.
      oversampling: random networks drawn for each one that is kept.
    """

    limits: tuple[Limit, ...]
    oversampling: int

    def valid(self, genomes: Genome) -> jax.Array:
        """Whether ``int32[..., L]`` are networks within the limits, ``bool[...]``."""
        return self.space.valid(genomes) & _within(self.space, self.limits, genomes)

    def sample(self, key: Key, count: int) -> Genome:
        """``int32[count, L]`` random networks; if too few, the first is repeated.

        It may be outside the limits if all are, which has a probability of about
        ``exp(-32)`` or less.
        """
        most = max(1, _DRAWN // self.oversampling)
        if count <= most:
            return self._sample(key, count)
        # Under tight limits the draws of all networks at once would not fit in memory.
        keys = jax.random.split(key, -(-count // most))
        found = jax.lax.map(lambda key: self._sample(key, most), keys)
        return found.reshape(-1, self.length)[:count]

    def _sample(self, key: Key, count: int) -> Genome:
        drawn = self.space.sample(key, self.oversampling * count)
        outside = ~self.valid(drawn)
        rows = jnp.argsort(outside, stable=True)[:count]
        found = drawn[jnp.where(outside[rows], rows[0], rows)]
        if count >= _SURE:
            return found
        # The draws for one network are all outside once in about exp(4) times.
        others = self._sample(jax.random.fold_in(key, 1), _SURE)[:count]
        return jnp.where(outside.all(), others, found)

    def crossover(self, key: Key, first: Genome, second: Genome) -> Genome:
        """A child within the limits, else the first parent."""
        return self._first(key, lambda k: self.space.crossover(k, first, second), first)

    def mutate(self, key: Key, genome: Genome) -> Genome:
        """A mutant within the limits, else the genome."""
        return self._first(key, lambda k: self.space.mutate(k, genome), genome)

    def neighbour(self, genome: Genome, index: jax.Array) -> tuple[Genome, jax.Array]:
        """The genome one edit away, and whether it exists within the limits."""
        edited, exists = self.space.neighbour(genome, index)
        return edited, exists & self.valid(edited)

    def _first(
        self, key: Key, vary: Callable[[Key], Genome], otherwise: Genome
    ) -> Genome:
        made = jax.vmap(vary)(jax.random.split(key, _TRIES))
        inside = self.valid(made)
        return jnp.where(inside.any(), made[jnp.argmax(inside)], otherwise)


def limited(space: Space, limits: Iterable[Limit]) -> Space:
    """Restricts a space; returns it unchanged if no limit bounds anything.

    Raises:
      UsageError: the space does not support a cost, or none of 4,096 random networks is
        within the limits.
    """
    chosen = tuple(limit for limit in limits if limit.low or limit.high)
    if not chosen:
        return space
    for limit in chosen:
        costs.require(str(limit), space, (limit.cost,))
    genomes = jax.jit(space.sample, static_argnums=1)(jax.random.key(0), _MEASURED)
    share = float(np.mean(_within(space, chosen, genomes)))
    if not share:
        flags = " and ".join(map(str, chosen))
        known = "; ".join(_known(space, limit, genomes) for limit in chosen)
        raise UsageError(
            f"{flags}: no network, or fewer than one in {_MEASURED:,}, satisfies this; "
            f"{known}"
        )
    return Limited(space, chosen, math.ceil(4 / share))


def _within(space: Space, limits: tuple[Limit, ...], genomes: Genome) -> jax.Array:
    held = [limit.holds(space, genomes) for limit in limits]
    return jnp.all(jnp.stack(held), 0)


def _known(space: Space, limit: Limit, genomes: Genome) -> str:
    """Describes the range of a cost, for messages."""
    found = getattr(space, limit.cost)(genomes)
    number = functools.partial(costs.text, limit.cost)
    ends = f"the median {number(float(np.median(found)))}"
    if limit.low:
        ends += f", the largest of {_MEASURED:,} {number(float(found.max()))}"
    least = number(_smallest(space, limit.cost, genomes))
    return f"the smallest network has {least} {costs.UNITS[limit.cost]}, {ends}"


def _smallest(space: Space, cost: str, genomes: Genome) -> float:
    """The lowest cost found by local search from the cheapest of some networks."""
    measure: Callable[[Genome], jax.Array] = getattr(space, cost)
    indices = jnp.arange(space.num_neighbours)

    def step(genome: Genome) -> Genome:
        edited, exists = jax.vmap(space.neighbour, (None, 0))(genome, indices)
        found = jnp.where(exists & space.valid(edited), measure(edited), jnp.inf)
        return jnp.where(found.min() < measure(genome), edited[found.argmin()], genome)

    step = jax.jit(jax.vmap(step))
    now = genomes[jnp.argsort(measure(genomes))[:_DESCENTS]]
    before = jnp.inf
    while (least := float(measure(now).min())) < before:
        now, before = step(now), least
    return least
