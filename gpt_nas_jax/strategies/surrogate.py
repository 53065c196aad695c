"""Bayesian optimisation: a Gaussian process with expected improvement."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.strategies import gaussian_process, pareto
from gpt_nas_jax.strategies.batched import Remembering
from gpt_nas_jax.strategies.bounds import at_least
from gpt_nas_jax.strategies.history import History
from gpt_nas_jax.strategies.random_search import random_fresh
from gpt_nas_jax.strategies.volume import gains
from gpt_nas_jax.types import Candidates, Genome, Key, Space

_EDITS = 3
_LEAST = 1e-4


@flax.struct.dataclass
class Surrogate(Remembering):
    """Proposes the networks with the highest expected improvement.

    A Gaussian process models the log regret from `Space.features` and `Space.trends`.
    It chooses among random networks and edits of the best ones, as BANANAS does (arXiv
    1910.11858).

    With ``costs`` it maximises the expected hypervolume improvement, see
    `volume.gains`.

    Attributes:
      costs: further objectives, to be minimised.
      initial: random networks to start with.
      pool: networks to choose from, half of them random.
      elites: number of best networks, whose edits are the other half.
    """

    costs: tuple[str, ...] = flax.struct.field(pytree_node=False, default=())
    initial: int = at_least(1, 10)
    pool: int = at_least(2, 1024)
    elites: int = at_least(1, 8)

    def ask(self, key: Key, state: History) -> Candidates:
        """Random networks first, then those of highest expected improvement."""
        first_key, random_key, parent_key, edit_key = jax.random.split(key, 4)
        first = random_fresh(self.space, first_key, state, self.batch)
        half = self.pool // 2
        ranked = standing(self.space, self.costs, state)
        drawn = parents(parent_key, ranked, self.elites, half)
        edits = edited(self.space, edit_key, state.genomes[drawn])
        pool = jnp.concatenate([self.space.sample(random_key, half), edits])
        origin = jnp.concatenate([jnp.full(half, -1), drawn])
        rows = promising(self.space, state, pool, self.batch, self.costs)
        begins = state.count < self.initial
        genomes = jnp.where(begins, first, pool[rows])
        origin = jnp.where(begins, -1, origin[rows])[:, None]
        return Candidates(genomes, jnp.ones(genomes.shape, bool), origin)


def standing(space: Space, costs: tuple[str, ...], history: History) -> History:
    """The history with `pareto.standing` in place of the fitness."""
    fitness = pareto.standing(space, costs, history.genomes, history.fitness)
    return history.replace(fitness=fitness)


def parents(key: Key, history: History, elites: int, count: int) -> jax.Array:
    """``int32[count]`` history rows, drawn from the ``elites`` fittest.

    Meaningless before the first evaluations.
    """
    best = jax.lax.top_k(history.fitness, min(elites, len(history.fitness)))[1]
    drawn = jax.random.randint(key, (count,), 0, jnp.clip(history.count, 1, len(best)))
    return best[drawn]


def edited(space: Space, key: Key, genomes: Genome) -> Genome:
    """``int32[N, L]`` genomes after one to three random edits each.

    An edit that does not exist changes nothing; to search for another costs more.
    """

    def child(key: Key, genome: Genome) -> Genome:
        edits_key, key = jax.random.split(key)
        edits = jax.random.randint(edits_key, (), 1, _EDITS + 1)
        indices = jax.random.randint(key, (_EDITS,), 0, space.num_neighbours)
        for edit, index in enumerate(indices):
            changed, exists = space.neighbour(genome, index)
            genome = jnp.where(exists & (edit < edits), changed, genome)
        return genome

    return jax.vmap(child)(jax.random.split(key, len(genomes)), genomes)


def promising(
    space: Space,
    history: History,
    pool: Genome,
    count: int,
    costs: tuple[str, ...] = (),
) -> jax.Array:
    """``int32[count]`` rows of a pool: the most promising batch of new networks.

    Greedily chooses the network of highest expected improvement. Each choice lowers
    the uncertainty of networks like it, so that a batch is diverse.

    Args:
      space: of the genomes.
      history: the evaluations so far.
      pool: ``int32[N, L]``, networks to choose from.
      count: how many to choose.
      costs: further objectives.
    """
    scores = gaussian_process.scores(history.fitness, history.known)
    # A space may return integers, whose squares would overflow.
    features, pool_features, trends, pool_trends = (
        numbers(genomes).astype(jnp.float32)
        for numbers in (space.features, space.trends)
        for genomes in (history.genomes, pool)
    )
    # Standardised by the pool, since the first few evaluations are too few for that.
    middle, spread = pool_trends.mean(0), pool_trends.std(0) + _LEAST
    trends, pool_trends = (trends - middle) / spread, (pool_trends - middle) / spread
    process = gaussian_process.fit(features, trends, scores, history.known)
    # The best observed score is partly luck; against it, no network seems to improve.
    expected = jnp.where(history.known, process(features, trends)[0], -jnp.inf)
    identity = space.identity(pool)
    stale, invalid = history.match(identity).any(-1), ~space.valid(pool)
    mean, std = process(pool_features, pool_trends)
    chosen = []
    for _ in range(count):
        gained = gains(
            space, costs, history.genomes, expected, pool, mean, std, ~invalid
        )
        # Known networks are better than invalid ones.
        gained = jnp.where(stale, -1.0, gained)
        index = jnp.argmax(jnp.where(invalid, -jnp.inf, gained))
        chosen.append(index)
        stale |= jnp.all(identity == identity[index], -1)
        alike = process.correlation(pool_features, pool_features[index][None])[:, 0]
        std *= jnp.sqrt(jnp.maximum(1 - alike**2, _LEAST))
    return jnp.stack(chosen)
