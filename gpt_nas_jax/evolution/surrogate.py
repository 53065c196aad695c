"""Search by a surrogate: a Gaussian process with expected improvement."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.evolution import gaussian_process
from gpt_nas_jax.evolution.history import History, empty
from gpt_nas_jax.evolution.random_search import random_fresh
from gpt_nas_jax.types import Candidates, Genome, Key, Space

_EDITS = 3
_FRONT = 512


@flax.struct.dataclass
class Surrogate:
    """Asks for the networks that a Gaussian process expects to gain most by.

    The process sees the log of what fitness lacks, and `Space.features`; it chooses
    among random networks and edits of the best ones, as BANANAS does (arXiv
    1910.11858).

    Attributes:
      space: where genomes come from.
      batch: candidates asked at a time.
      queries: evaluations of a whole search.
      initial: random networks in the beginning.
      pool: networks to choose from, half of them random.
      elites: the best so far, whose edits are the other half.
    """

    space: Space = flax.struct.field(pytree_node=False)
    batch: int = flax.struct.field(pytree_node=False)
    queries: int = flax.struct.field(pytree_node=False)
    initial: int = flax.struct.field(pytree_node=False, default=10)
    pool: int = flax.struct.field(pytree_node=False, default=1024)
    elites: int = flax.struct.field(pytree_node=False, default=8)

    def init(self, key: Key) -> History:
        """Nothing was evaluated."""
        return empty(self.space, self.queries)

    def ask(self, key: Key, state: History) -> Candidates:
        """Random networks first, then those of highest expected improvement."""
        first_key, random_key, edit_key = jax.random.split(key, 3)
        first = random_fresh(self.space, first_key, state, self.batch)
        half = self.pool // 2
        pool = jnp.concatenate(
            [
                self.space.sample(random_key, half),
                edited(self.space, edit_key, best(state, self.elites), half),
            ]
        )
        genomes = promising(self.space, state, pool, self.batch)
        genomes = jnp.where(state.count < self.initial, first, genomes)
        return Candidates(genomes, jnp.ones(genomes.shape, bool))

    def tell(
        self, state: History, candidates: Candidates, fitness: jax.Array
    ) -> History:
        """Notes what was evaluated."""
        return state.add(self.space, candidates.genomes, fitness)


def best(history: History, count: int) -> Genome:
    """The ``count`` fittest evaluations, or all there may be, ``int32[N, L]``."""
    count = min(count, len(history.fitness))
    return history.genomes[jax.lax.top_k(history.fitness, count)[1]]


def edited(space: Space, key: Key, parents: Genome, count: int) -> Genome:
    """``int32[count, L]``: random parents after one to three random edits.

    An edit that does not exist is none, which is cheaper than to look for another.
    """

    def child(key: Key) -> Genome:
        parent_key, edits_key, key = jax.random.split(key, 3)
        genome = parents[jax.random.randint(parent_key, (), 0, len(parents))]
        edits = jax.random.randint(edits_key, (), 1, _EDITS + 1)
        indices = jax.random.randint(key, (_EDITS,), 0, space.num_neighbours)
        for edit, index in enumerate(indices):
            changed, exists = space.neighbour(genome, index)
            genome = jnp.where(exists & (edit < edits), changed, genome)
        return genome

    return jax.vmap(child)(jax.random.split(key, count))


def promising(space: Space, history: History, pool: Genome, count: int) -> Genome:
    """The new networks of a pool with the highest expected improvement."""
    scores = gaussian_process.scores(history.fitness, history.known)
    features = space.features(history.genomes)
    process = gaussian_process.fit(features, scores, history.known)
    mean, std = process(space.features(pool))
    # The best score itself is luck in part; measured by it nothing seems to gain.
    top = jnp.where(history.known, process(features)[0], -jnp.inf).max()
    gains = gaussian_process.expected_improvement(mean, std, top)
    # Of those before the first new ones each is in the history, or in the pool twice.
    front = jax.lax.top_k(gains, min(len(pool), _FRONT))[1]
    return history.fresh(space, pool[front], count)
