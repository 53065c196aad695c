"""Local search: first improvement, random restarts (arXiv 2005.02960)."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.spaces.neighbours import neighbours as neighbours_of
from gpt_nas_jax.strategies.batched import Batched
from gpt_nas_jax.strategies.history import History, empty
from gpt_nas_jax.strategies.random_search import random_fresh
from gpt_nas_jax.types import Candidates, Genome, Key


@flax.struct.dataclass
class LocalState:
    """The current network and the order of its neighbours.

    Attributes:
      history: all evaluations.
      genome: ``int32[L]``, the network whose neighbours are tried.
      fitness: ``float32``, its fitness; ``-inf`` before the first.
      order: ``float32[N]``, sort keys of its neighbours, the smallest tried first.
      restarts: ``bool``, whether the next candidates are random.
      key: draws the orders.
    """

    history: History
    genome: Genome
    fitness: jax.Array
    order: jax.Array
    restarts: jax.Array
    key: Key


@flax.struct.dataclass
class LocalSearch(Batched):
    """Moves to the first better neighbour; restarts at random if there is none.

    Neighbours are tried in random order. One that was evaluated before is not
    evaluated again, but the search moves to it if it is better.
    """

    def init(self, key: Key) -> LocalState:
        """An empty history; the first candidates are random."""
        return LocalState(
            empty(self.space, self.queries),
            jnp.zeros(self.space.length, jnp.int32),
            jnp.float32(-jnp.inf),
            jnp.zeros(self.space.num_neighbours, jnp.float32),
            jnp.bool_(True),
            key,
        )

    def ask(self, key: Key, state: LocalState) -> Candidates:
        """The next new neighbours, padded with random networks."""
        history = state.history
        randoms = random_fresh(self.space, key, history, self.batch)
        neighbours, exists = neighbours_of(self.space, state.genome)
        # The current genome was evaluated, so it is not proposed again.
        neighbours = jnp.where(exists[:, None], neighbours, state.genome)
        neighbours = neighbours[jnp.argsort(state.order)]
        both = jnp.concatenate([neighbours, randoms])
        rows = history.fresh_rows(self.space, both, self.batch)
        genomes = jnp.where(state.restarts, randoms, both[rows])
        place = history.places(self.space, state.genome[None])
        moves = (rows < len(neighbours)) & ~state.restarts
        parents = jnp.where(moves, place, -1)[:, None]
        return Candidates(genomes, jnp.ones(genomes.shape, bool), parents)

    def tell(
        self, state: LocalState, candidates: Candidates, fitness: jax.Array
    ) -> LocalState:
        """Moves to the first better candidate, then on to better known neighbours."""
        history = state.history.add(self.space, candidates.genomes, fitness)
        better = state.restarts | (fitness > state.fitness)
        first = jnp.where(state.restarts, jnp.argmax(fitness), jnp.argmax(better))
        state = state.replace(history=history)
        state = self._move(
            state, better.any(), candidates.genomes[first], fitness[first]
        )

        def step(
            carry: tuple[LocalState, jax.Array],
        ) -> tuple[LocalState, jax.Array]:
            state, _ = carry
            neighbours, exists = neighbours_of(self.space, state.genome)
            match = history.match(self.space.identity(neighbours))
            known = jnp.where(match, history.fitness, -jnp.inf).max(-1)
            new = exists & ~match.any(-1)
            higher = exists & (known > state.fitness)
            first = jnp.argmin(jnp.where(new | higher, state.order, jnp.inf))
            moves = higher[first]
            state = self._move(state, moves, neighbours[first], known[first])
            return state.replace(restarts=~moves & ~new.any()), moves

        return jax.lax.while_loop(
            lambda carry: carry[1], step, (state, jnp.bool_(True))
        )[0]

    def _move(
        self, state: LocalState, moves: jax.Array, genome: Genome, fitness: jax.Array
    ) -> LocalState:
        order_key, key = jax.random.split(state.key)
        order = jax.random.uniform(order_key, state.order.shape, jnp.float32)
        # With `jax_enable_x64` a space may return 64 bits.
        genome = genome.astype(jnp.int32)
        moved = state.replace(genome=genome, fitness=fitness, order=order, key=key)
        return jax.tree.map(lambda new, old: jnp.where(moves, new, old), moved, state)
