"""Base classes of strategies that propose candidates in small batches."""

import flax.struct
import jax

from gpt_nas_jax.strategies.history import History, empty
from gpt_nas_jax.types import Candidates, Key, Space


@flax.struct.dataclass
class Batched:
    """Settings of a batched strategy.

    Attributes:
      space: the search space.
      batch: candidates per `ask`.
      queries: evaluations in the whole search.
    """

    space: Space = flax.struct.field(pytree_node=False)
    batch: int = flax.struct.field(pytree_node=False)
    queries: int = flax.struct.field(pytree_node=False)


@flax.struct.dataclass
class Remembering(Batched):
    """A batched strategy whose only state is the history of evaluations."""

    def init(self, key: Key) -> History:
        """An empty history."""
        return empty(self.space, self.queries)

    def tell(
        self, state: History, candidates: Candidates, fitness: jax.Array
    ) -> History:
        """Adds the evaluations to the history."""
        return state.add(self.space, candidates.genomes, fitness)
