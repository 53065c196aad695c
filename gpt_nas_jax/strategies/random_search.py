"""Random search."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.strategies.batched import Remembering
from gpt_nas_jax.strategies.history import History
from gpt_nas_jax.types import Candidates, Key, Space


@flax.struct.dataclass
class RandomSearch(Remembering):
    """Random networks, repeated only where new ones are rare."""

    def ask(self, key: Key, state: History) -> Candidates:
        """Random networks that were not proposed before, as far as draws find them."""
        genomes = random_fresh(self.space, key, state, self.batch)
        parents = jnp.full((self.batch, 1), -1)
        return Candidates(genomes, jnp.ones(genomes.shape, bool), parents)


SPARE = 8
"""Extra draws, since some may be known already."""


def random_fresh(space: Space, key: Key, history: History, count: int) -> jax.Array:
    """``int32[count, L]`` random networks, new ones if enough of the draws are."""
    return history.fresh(space, space.sample(key, count + SPARE), count)
