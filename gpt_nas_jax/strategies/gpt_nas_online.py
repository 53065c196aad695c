"""GPT-NAS online: the GPT learns from the search itself, a surrogate chooses."""

from typing import Any, ClassVar

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.prior import conditional
from gpt_nas_jax.strategies import surrogate
from gpt_nas_jax.strategies.batched import Batched
from gpt_nas_jax.strategies.history import History, empty
from gpt_nas_jax.types import Candidates, Genome, Key

_BATCH = 32


@flax.struct.dataclass
class OnlineState:
    """The evaluations and the GPT that has learned from them.

    Attributes:
      history: all evaluations.
      params: of the GPT.
      optimizer: its state.
      key: decides the order in which it learns.
    """

    history: History
    params: Any
    optimizer: Any
    key: Key


@flax.struct.dataclass
class GptNasOnline(Batched):
    """A GPT, told to write networks of the best level, proposes; a surrogate picks.

    After every batch the GPT learns from the whole history, each network behind the
    level that its fitness has by now. It writes whole networks, and the missing genes
    of the best ones, of which some are eliminated as in the paper. The surrogate
    chooses among these and random edits of the best ones, so that small steps remain
    when the GPT repeats itself. The first batch comes from `conditional.pretrained`,
    for which large is good.

    With ``costs`` levels and elites go by `pareto.standing`, and the surrogate picks
    what it expects to extend the front most.

    Attributes:
      params: of the GPT in the beginning.
      pool: proposals of the GPT to choose from.
      edits: random edits of elites to choose from.
      elites: as many of the best so far, from which the edits and half of the pool are
        made.
      elimination_rate: probability that a gene of an elite is written anew.
      steps: updates of the GPT after each batch.
      costs: objectives beside fitness, to be kept low.
    """

    VERSION: ClassVar[int] = 2

    params: Any
    pool: int = flax.struct.field(pytree_node=False, default=256)
    edits: int = flax.struct.field(pytree_node=False, default=512)
    elites: int = flax.struct.field(pytree_node=False, default=8)
    elimination_rate: float = 0.6
    steps: int = flax.struct.field(pytree_node=False, default=16)
    costs: tuple[str, ...] = flax.struct.field(pytree_node=False, default=())

    def init(self, key: Key) -> OnlineState:
        """Nothing was evaluated; the GPT knows the space."""
        optimizer = conditional.OPTIMIZER.init(self.params)
        history = empty(self.space, self.queries)
        return OnlineState(history, self.params, optimizer, key)

    def ask(self, key: Key, state: OnlineState) -> Candidates:
        """The most promising proposals and edits; at first proposals as they come."""
        random_key, edit_key, key = jax.random.split(key, 3)
        history = state.history
        # Should the space refuse what the GPT writes, a few it does not refuse.
        spare = self.space.sample(random_key, self.batch)
        ranked = surrogate.standing(self.space, self.costs, history)
        edits, edited = self._edits(edit_key, ranked)
        proposals, elites = self._proposals(key, state.params, ranked)
        pool = jnp.concatenate([proposals, spare, edits])
        parents = jnp.concatenate([elites, jnp.full(self.batch, -1), edited])
        begins = history.count == 0
        first = history.fresh_rows(self.space, pool, self.batch)
        chosen = surrogate.promising(self.space, history, pool, self.batch, self.costs)
        rows = jnp.where(begins, first, chosen)
        genomes, parents = pool[rows], jnp.where(begins, -1, parents[rows])
        return Candidates(genomes, jnp.ones(genomes.shape, bool), parents[:, None])

    def tell(
        self, state: OnlineState, candidates: Candidates, fitness: jax.Array
    ) -> OnlineState:
        """Notes what was evaluated and learns from all of it."""
        history = state.history.add(self.space, candidates.genomes, fitness)
        ranked = surrogate.standing(self.space, self.costs, history)
        level = conditional.levels(ranked.fitness, history.known)
        tokens = conditional.encode(self.space, history.genomes, level)
        key, learn_key = jax.random.split(state.key)

        def step(carry: tuple[Any, Any], key: Key) -> tuple[tuple[Any, Any], None]:
            rows = jax.random.randint(key, (_BATCH,), 0, history.count)
            return conditional.update(self.space, *carry, tokens[rows]), None

        keys = jax.random.split(learn_key, self.steps)
        carry = state.params, state.optimizer
        (params, optimizer), _ = jax.lax.scan(step, carry, keys)
        return OnlineState(history, params, optimizer, key)

    def _edits(self, key: Key, history: History) -> tuple[Genome, jax.Array]:
        """Edits of elites, and which evaluations these are.

        Before anything is evaluated they are no networks.
        """
        parent_key, edit_key = jax.random.split(key)
        elites = surrogate.parents(parent_key, history, self.elites, self.edits)
        return surrogate.edited(self.space, edit_key, history.genomes[elites]), elites

    def _proposals(
        self, key: Key, params: Any, history: History
    ) -> tuple[Genome, jax.Array]:
        """Writes half of the networks from scratch and half from elites.

        Writes all from scratch while there are no elites. Also returns the evaluation
        that each is made from, -1 for none.
        """
        parent_key, keep_key, key = jax.random.split(key, 3)
        elites = surrogate.parents(parent_key, history, self.elites, self.pool)
        whole = (jnp.arange(self.pool) % 2 == 0) | (history.count == 0)
        genomes = history.genomes[elites]
        rate = self.elimination_rate
        eliminated = jax.random.bernoulli(keep_key, rate, genomes.shape)
        kept = ~eliminated & ~whole[:, None]
        made = conditional.generate(self.space, params, key, genomes, kept)
        return made, jnp.where(whole, -1, elites)
