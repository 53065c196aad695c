"""GPT-NAS: the genetic algorithm with blocks proposed by the GPT."""

from typing import ClassVar

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.prior.reconstruct import elimination_rate, reconstruct
from gpt_nas_jax.strategies import surrogate
from gpt_nas_jax.strategies.bounds import at_least, share
from gpt_nas_jax.strategies.genetic import Genetic, PopulationState
from gpt_nas_jax.tokens.reading import Proposer
from gpt_nas_jax.types import Candidates, Key


@flax.struct.dataclass
class GptNas:
    """`Genetic` with genes of its candidates eliminated and reconstructed (Eq. 3).

    Attributes:
      genetic: the underlying genetic algorithm.
      elimination_rate: probability that a gene is eliminated in generation 0.
      generations: number after which this probability is 0.
      prior: fills the gaps (Algorithm 1).
      uniform_share: fraction of the proposals that are drawn uniformly, so that a
        confident prior does not make all candidates alike; 0 in the paper.
      by_surprise: whether genes that the prior finds unlikely are eliminated first,
        instead of all with equal probability as in the paper.
      drafts: reconstructions of each child, each with other genes eliminated. If more
        than one, `surrogate.promising` chooses those to evaluate; 1, as in the paper,
        uses no surrogate.
    """

    genetic: Genetic
    elimination_rate: float
    generations: int = flax.struct.field(pytree_node=False)
    prior: Proposer
    uniform_share: float = share(0.2)
    by_surprise: bool = flax.struct.field(pytree_node=False, default=False)
    drafts: int = at_least(1, 1)

    VERSION: ClassVar[int] = 7

    def init(self, key: Key) -> PopulationState:
        """A random population of unknown fitness."""
        return self.genetic.init(key)

    def ask(self, key: Key, state: PopulationState) -> Candidates:
        """New candidates of the genetic algorithm, with genes reconstructed."""
        pool = self.pool(key, state)
        space, count = self.genetic.space, self.genetic.population
        rows = state.history.fresh_rows(space, pool.genomes, count)
        if self.drafts > 1:
            chosen = surrogate.promising(
                space, state.history, pool.genomes, count, self.genetic.costs
            )
            rows = jnp.where(state.generation == 0, rows, chosen)
        return jax.tree.map(lambda part: part[rows], pool)

    def pool(self, key: Key, state: PopulationState) -> Candidates:
        """The genetic algorithm's pool, reconstructed, followed by the original.

        The original is needed where the space rejects the reconstructions.
        """
        pool_key, reconstruct_key = jax.random.split(key)
        plain = self.genetic.pool(pool_key, state)
        rate = elimination_rate(
            self.elimination_rate, state.generation, self.generations
        )
        drafted = jax.tree.map(lambda part: jnp.tile(part, (self.drafts, 1)), plain)
        made, proposed = reconstruct(
            self.prior,
            reconstruct_key,
            drafted.genomes,
            rate,
            self.uniform_share,
            self.by_surprise,
        )
        made = drafted.replace(genomes=made, proposed=proposed)
        return jax.tree.map(lambda *parts: jnp.concatenate(parts), made, plain)

    def tell(
        self, state: PopulationState, candidates: Candidates, fitness: jax.Array
    ) -> PopulationState:
        """Keeps the fittest of survivors and candidates."""
        return self.genetic.tell(state, candidates, fitness)
