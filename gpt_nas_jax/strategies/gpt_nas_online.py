"""GPT-NAS online: the GPT learns during the search, and a surrogate selects."""

from typing import Any, ClassVar

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.prior import conditional
from gpt_nas_jax.strategies import surrogate
from gpt_nas_jax.strategies.batched import Batched
from gpt_nas_jax.strategies.bounds import at_least, share
from gpt_nas_jax.strategies.history import History, empty
from gpt_nas_jax.types import Candidates, Genome, Key

_BATCH = 32


@flax.struct.dataclass
class OnlineState:
    """The evaluations and the GPT trained on them.

    Attributes:
      history: all evaluations.
      params: of the GPT.
      optimizer: state of its optimizer.
      key: draws its training batches.
    """

    history: History
    params: Any
    optimizer: Any
    key: Key


@flax.struct.dataclass
class GptNasOnline(Batched):
    """A GPT conditioned on the best fitness level proposes; a surrogate selects.

    After every batch the GPT is trained on the whole history, each network preceded by
    the current level of its fitness. It generates whole networks and regenerates genes
    of the best ones, eliminated as in the paper. The surrogate chooses among these and
    random edits of the best ones, so that small steps remain when the GPT repeats
    itself. The first batch comes from `conditional.pretrained`, which takes large
    networks for good ones.

    With ``costs``, levels and elites are ranked by `pareto.standing`, and the surrogate
    chooses the networks that it expects to extend the front most.

    Attributes:
      params: initial parameters of the GPT.
      pool: proposals of the GPT to choose from.
      edits: random edits of elites to choose from.
      elites: number of best networks that the edits and half of the pool start from.
      elimination_rate: probability that a gene of an elite is regenerated.
      steps: updates of the GPT after each batch.
      costs: further objectives, to be minimised.
    """

    VERSION: ClassVar[int] = 3

    params: Any
    pool: int = at_least(1, 256)
    edits: int = at_least(1, 512)
    elites: int = at_least(1, 8)
    elimination_rate: float = share(0.6)
    steps: int = at_least(0, 16)
    costs: tuple[str, ...] = flax.struct.field(pytree_node=False, default=())

    def init(self, key: Key) -> OnlineState:
        """An empty history and the pretrained GPT."""
        optimizer = conditional.OPTIMIZER.init(self.params)
        history = empty(self.space, self.queries)
        return OnlineState(history, self.params, optimizer, key)

    def ask(self, key: Key, state: OnlineState) -> Candidates:
        """The most promising proposals and edits; at first, the first proposals."""
        random_key, edit_key, key = jax.random.split(key, 3)
        history = state.history
        # Valid networks in case the space rejects those that the GPT writes.
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
        """Adds the evaluations and trains the GPT on the whole history."""
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
        """Edits of elites, and the rows of these in the history.

        Meaningless before the first evaluations.
        """
        parent_key, edit_key = jax.random.split(key)
        elites = surrogate.parents(parent_key, history, self.elites, self.edits)
        return surrogate.edited(self.space, edit_key, history.genomes[elites]), elites

    def _proposals(
        self, key: Key, params: Any, history: History
    ) -> tuple[Genome, jax.Array]:
        """Generates half of the networks from scratch and half from elites.

        Generates all from scratch while there are no elites. Also returns the history
        row that each is made from, -1 for none.
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
