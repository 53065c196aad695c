"""Base classes of the strategies that ask a few candidates at a time."""

import flax.struct
import jax

from gpt_nas_jax.strategies.history import History, empty
from gpt_nas_jax.types import Candidates, Key, Space


@flax.struct.dataclass
class Batched:
    """Their settings.

    Attributes:
      space: where genomes come from.
      batch: candidates asked at a time.
      queries: evaluations of a whole search.
    """

    space: Space = flax.struct.field(pytree_node=False)
    batch: int = flax.struct.field(pytree_node=False)
    queries: int = flax.struct.field(pytree_node=False)


@flax.struct.dataclass
class Remembering(Batched):
    """Those whose state is what was evaluated, and nothing else."""

    def init(self, key: Key) -> History:
        """Nothing was evaluated."""
        return empty(self.space, self.queries)

    def tell(
        self, state: History, candidates: Candidates, fitness: jax.Array
    ) -> History:
        """Notes what was evaluated."""
        return state.add(self.space, candidates.genomes, fitness)
