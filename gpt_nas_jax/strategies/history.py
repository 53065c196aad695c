"""The evaluations of a search so far, as arrays of fixed size."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.types import Genome, Space, UsageError


@flax.struct.dataclass
class History:
    """All evaluations in order, at most ``Q``.

    Attributes:
      genomes: ``int32[Q, L]``.
      identity: ``int32[Q, K]``, from `Space.identity`.
      fitness: ``float32[Q]``; ``-inf`` where an evaluation failed or is to come.
      count: ``int32``, number of evaluations so far.
    """

    genomes: Genome
    identity: jax.Array
    fitness: jax.Array
    count: jax.Array

    @property
    def known(self) -> jax.Array:
        """``bool[Q]``: which rows hold an evaluation."""
        return jnp.arange(len(self.fitness)) < self.count

    def add(self, space: Space, genomes: Genome, fitness: jax.Array) -> "History":
        """Appends ``int32[P, L]`` genomes of ``float32[P]`` fitness.

        Under jit nothing is checked, and more than ``Q`` replace the last ones.

        Raises:
          UsageError: they are more than ``Q`` in all.
        """
        room = len(self.fitness)
        known = not isinstance(self.count, jax.core.Tracer)
        if known and self.count + len(genomes) > room:
            raise UsageError(
                f"the strategy was created for {room} evaluations and is told of "
                f"{self.count + len(genomes)}; create it for as many"
            )

        def put(rows: jax.Array, new: jax.Array) -> jax.Array:
            # With `jax_enable_x64` a space may return 64 bits.
            new = new.astype(rows.dtype)
            return jax.lax.dynamic_update_slice_in_dim(rows, new, self.count, 0)

        return History(
            put(self.genomes, genomes),
            put(self.identity, space.identity(genomes)),
            put(self.fitness, fitness),
            self.count + len(genomes),
        )

    def match(self, identity: jax.Array) -> jax.Array:
        """``bool[N, Q]``: which evaluations are of which networks ``int32[N, K]``."""
        same = jnp.all(identity[:, None] == self.identity, -1)
        return same & self.known

    def places(self, space: Space, genomes: Genome) -> jax.Array:
        """``int32[N]``: first evaluation of each of ``int32[N, L]``; -1 for none."""
        match = self.match(space.identity(genomes))
        return jnp.where(match.any(-1), jnp.argmax(match, -1), -1)

    def fresh_rows(self, space: Space, genomes: Genome, count: int) -> jax.Array:
        """Rows of the first ``count`` of ``int32[N, L]``: valid, new and distinct.

        If there are too few, other valid ones follow, then invalid ones.

        Returns:
          ``int32[count]``.
        """
        identity = space.identity(genomes)
        stale = self.match(identity).any(-1) | repeated(identity)
        rank = jnp.where(space.valid(genomes), stale.astype(jnp.int32), 2)
        return jnp.argsort(rank, stable=True)[:count]

    def fresh(self, space: Space, genomes: Genome, count: int) -> Genome:
        """The genomes of `fresh_rows`, ``int32[count, L]``."""
        return genomes[self.fresh_rows(space, genomes, count)]


def repeated(identity: jax.Array) -> jax.Array:
    """``bool[N]``: which of ``int32[N, K]`` equal an earlier one."""
    same = jnp.all(identity[:, None] == identity, -1)
    return jnp.tril(same, -1).any(-1)


def empty(space: Space, capacity: int) -> History:
    """A history with room for ``capacity`` evaluations."""
    genomes = jnp.zeros((capacity, space.length), jnp.int32)
    return History(
        genomes,
        space.identity(genomes),
        jnp.full(capacity, -jnp.inf, jnp.float32),
        jnp.int32(0),
    )
