"""Random search."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.evolution.history import History, empty
from gpt_nas_jax.types import Candidates, Key, Space


@flax.struct.dataclass
class RandomSearch:
    """Networks drawn at random, none twice.

    Attributes:
      space: where genomes come from.
      batch: candidates asked at a time.
      queries: evaluations of a whole search.
    """

    space: Space = flax.struct.field(pytree_node=False)
    batch: int = flax.struct.field(pytree_node=False)
    queries: int = flax.struct.field(pytree_node=False)

    def init(self, key: Key) -> History:
        """Nothing was evaluated."""
        return empty(self.space, self.queries)

    def ask(self, key: Key, state: History) -> Candidates:
        """Random networks that were not asked before."""
        genomes = random_fresh(self.space, key, state, self.batch)
        return Candidates(genomes, jnp.ones(genomes.shape, bool))

    def tell(
        self, state: History, candidates: Candidates, fitness: jax.Array
    ) -> History:
        """Notes what was evaluated."""
        return state.add(self.space, candidates.genomes, fitness)


SPARE = 8
"""More draws than are asked, should some be known."""


def random_fresh(space: Space, key: Key, history: History, count: int) -> jax.Array:
    """``int32[count, L]`` random networks, as new as some spare draws can make them."""
    return history.fresh(space, space.sample(key, count + SPARE), count)
