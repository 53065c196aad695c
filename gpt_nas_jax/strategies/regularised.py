"""Regularised evolution (Real et al., 2019, arXiv 1802.01548)."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.strategies.batched import Remembering
from gpt_nas_jax.strategies.bounds import at_least
from gpt_nas_jax.strategies.history import History
from gpt_nas_jax.strategies.random_search import SPARE, random_fresh
from gpt_nas_jax.types import Candidates, Genome, Key


@flax.struct.dataclass
class RegularisedEvolution(Remembering):
    """Mutates the best of a random sample of the population.

    The population is the last ``population`` evaluations, so the oldest dies whatever
    its fitness. The parents of a batch come from the same population.

    Attributes:
      population: number of individuals, at first random.
      sample: tournament size, drawn with replacement.
      repeats: whether networks may be evaluated again, as in the published algorithm.
    """

    population: int = at_least(1)
    sample: int = at_least(1)
    repeats: bool = flax.struct.field(pytree_node=False)

    def ask(self, key: Key, state: History) -> Candidates:
        """Random networks until the population is full, then mutants."""
        random_key, child_key = jax.random.split(key)
        keys = jax.random.split(child_key, self.batch + (0 if self.repeats else SPARE))
        children, parents = jax.vmap(self._child, (0, None))(keys, state)
        if not self.repeats:
            rows = state.fresh_rows(self.space, children, self.batch)
            children, parents = children[rows], parents[rows]
        first = random_fresh(self.space, random_key, state, self.batch)
        filling = state.count < self.population
        genomes = jnp.where(filling, first, children)
        parents = jnp.where(filling, -1, parents)[:, None]
        return Candidates(genomes, jnp.ones(genomes.shape, bool), parents)

    def _child(self, key: Key, state: History) -> tuple[Genome, jax.Array]:
        """A child, and the history row of its parent."""
        sample_key, mutate_key = jax.random.split(key)
        ages = jax.random.randint(sample_key, (self.sample,), 0, self.population)
        rows = jnp.maximum(state.count - 1 - ages, 0)
        parent = rows[jnp.argmax(state.fitness[rows])]
        return self.space.mutate(mutate_key, state.genomes[parent]), parent
