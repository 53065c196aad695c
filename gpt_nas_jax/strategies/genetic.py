"""The genetic algorithm: the paper's search without the GPT."""

from typing import ClassVar

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.strategies import operators, pareto
from gpt_nas_jax.strategies.history import History, empty
from gpt_nas_jax.types import Candidates, Genome, Key, Space


@flax.struct.dataclass
class PopulationState:
    """The survivors, the generation and the history.

    Attributes:
      genomes: ``int32[P, L]``, the best first after the first `tell`.
      fitness: ``float32[P]``; ``-inf`` before that.
      generation: ``int32``, generations evaluated.
      history: all evaluations.
    """

    genomes: Genome
    fitness: jax.Array
    generation: jax.Array
    history: History


@flax.struct.dataclass
class Genetic:
    """Variable-length genetic algorithm with survival of the fittest.

    The first generation is random. Each later one consists of children, whose parents
    are chosen by binary tournament, crossed with ``crossover_rate`` and mutated with
    ``mutation_rate``. The fittest of parents and children survive. The paper gives the
    rates (section 4 of the experiments); operators and selection are ours, as in its
    authors' earlier searches (arXiv 1710.10741). No network is proposed twice, unless
    `pool` holds too few new ones.

    With ``costs`` it is NSGA-II: survival and tournaments use `pareto.standing`.

    Attributes:
      space: the search space.
      population: number of individuals.
      queries: evaluations in the whole search.
      crossover_rate: probability that a child has two parents.
      mutation_rate: probability that a child mutates.
      costs: further objectives, to be minimised.
    """

    space: Space = flax.struct.field(pytree_node=False)
    population: int = flax.struct.field(pytree_node=False)
    queries: int = flax.struct.field(pytree_node=False)
    crossover_rate: float
    mutation_rate: float
    costs: tuple[str, ...] = flax.struct.field(pytree_node=False, default=())

    VERSION: ClassVar[int] = 2

    def init(self, key: Key) -> PopulationState:
        """A random population of unknown fitness."""
        return PopulationState(
            self.space.sample(key, self.population),
            jnp.full(self.population, -jnp.inf, jnp.float32),
            jnp.int32(0),
            empty(self.space, self.queries),
        )

    def ask(self, key: Key, state: PopulationState) -> Candidates:
        """New random networks at first, then new children; no gene is proposed."""
        pool = self.pool(key, state)
        rows = state.history.fresh_rows(self.space, pool.genomes, self.population)
        return jax.tree.map(lambda part: part[rows], pool)

    def pool(self, key: Key, state: PopulationState) -> Candidates:
        """The ``4 * P`` genomes that candidates are chosen from.

        These are ``2 * P`` children and a mutant of each, since a converged population
        has few new children.
        """
        sample_key, child_key, mutate_key = jax.random.split(key, 3)
        keys = jax.random.split(child_key, 2 * self.population)
        children, pairs = jax.vmap(self._child, (0, None))(keys, state)
        places = state.history.places(self.space, state.genomes)
        parents = jnp.where(pairs < 0, -1, places[pairs])
        keys = jax.random.split(mutate_key, len(children))
        mutants = jax.vmap(self.space.mutate)(keys, children)
        children = jnp.concatenate([children, mutants])
        randoms = self.space.sample(sample_key, len(children))
        first = state.generation == 0
        genomes = jnp.where(first, randoms, children)
        parents = jnp.where(first, -1, jnp.concatenate([parents, parents]))
        return Candidates(genomes, jnp.zeros(genomes.shape, bool), parents)

    def tell(
        self, state: PopulationState, candidates: Candidates, fitness: jax.Array
    ) -> PopulationState:
        """Keeps the best of survivors and candidates; ties go to the candidate.

        No network survives twice.
        """
        history = state.history.add(self.space, candidates.genomes, fitness)
        genomes = jnp.concatenate([candidates.genomes, state.genomes])
        fitness = jnp.concatenate([fitness, state.fitness])
        standing = pareto.standing(self.space, self.costs, genomes, fitness)
        rows, again = operators.best(self.space, genomes, standing, self.population)
        fitness = jnp.where(again, -jnp.inf, fitness[rows])
        return PopulationState(genomes[rows], fitness, state.generation + 1, history)

    def _merit(self, state: PopulationState) -> jax.Array:
        """``float32[P]``: the survivors' values in tournaments."""
        if not self.costs:
            return state.fitness
        # Survivors are sorted already.
        alive = jnp.isfinite(state.fitness)
        return jnp.where(alive, -jnp.arange(self.population, dtype=float), -jnp.inf)

    def _child(self, key: Key, state: PopulationState) -> tuple[Genome, jax.Array]:
        """A child and the survivors it has genes from; -1 for no second one."""
        parent_key, cross_key, cut_key, mutate_key, change_key = jax.random.split(
            key, 5
        )
        parent_keys = jax.random.split(parent_key)
        parents = jax.vmap(operators.tournament, (0, None))(
            parent_keys, self._merit(state)
        )
        first, second = state.genomes[parents]
        crossed = self.space.crossover(cut_key, first, second)
        crosses = jax.random.bernoulli(cross_key, self.crossover_rate)
        child = jnp.where(crosses, crossed, first)
        mutated = self.space.mutate(change_key, child)
        mutates = jax.random.bernoulli(mutate_key, self.mutation_rate)
        # Crossing a genome with itself changes nothing, either.
        second = jnp.where(crosses & (parents[1] != parents[0]), parents[1], -1)
        pair = jnp.stack([parents[0], second])
        return jnp.where(mutates, mutated, child), pair
