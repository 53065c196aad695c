"""Tokens of NAS-Bench-201 cells, by operation."""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES, OPERATIONS
from gpt_nas_jax.spaces.nasbench201 import corpus
from gpt_nas_jax.spaces.nasbench201.network import NONE
from gpt_nas_jax.tokens.reading import (
    Rows,
    append,
    appended,
    empty_context,
    first_words,
    rows,
)
from gpt_nas_jax.tokens.vocabulary import Vocabulary
from gpt_nas_jax.types import Genome, Tokens

# For each edge, which earlier edges lead into the same node.
_BESIDE = np.array(
    [[j < i and EDGES[j][1] == EDGES[i][1] for j in range(6)] for i in range(6)]
)


@flax.struct.dataclass
class EdgeTable:
    """A `ReadingTable` of cells: the words of an operation and of the sum after it.

    The genome is read as the first cell of the network. Some operations have no words,
    so the first layer after a gene need not be its own, and the gene is sampled from
    the FCN's distribution.

    Attributes:
      edges: rows ``[G, 2]`` by operation and whether its node is fed already.
      stem: the context before the first cell, ``int32[C]``.
      between: the tokens after the stack of cells, ``int32[K]``.
    """

    edges: Rows
    stem: Tokens
    between: Tokens

    @property
    def positions(self) -> tuple[int, ...]:
        """All six edges."""
        return tuple(range(len(EDGES)))

    @property
    def num_genes(self) -> int:
        """Number of operations."""
        return len(OPERATIONS)

    def eliminable(self, genome: Genome) -> jax.Array:
        """Every operation, ``bool[6]``."""
        return jnp.ones(len(EDGES), bool)

    def start(self, genome: Genome) -> Tokens:
        """The stem, which precedes the cell."""
        return self.stem

    def words(self, genome: Genome, position: jax.Array) -> Rows:
        """The layers of an operation and, unless it is the node's first, the sum."""
        joins = (jnp.asarray(_BESIDE)[position] & (genome != NONE)).any()
        return self.edges.at(genome[position], joins.astype(int))

    def contexts(self) -> np.ndarray:
        """All contexts that can precede an operation, ``int32[N, C]``."""
        start = np.asarray(self.stem)[None]
        # By whether the target node is fed already.
        fronts, asked = {False: start, True: start[:0]}, []
        for index, (_, target) in enumerate(EDGES):
            if index and target != EDGES[index - 1][1]:
                fronts = {False: np.concatenate([*fronts.values()]), True: start[:0]}
            asked += fronts.values()
            after = {False: [], True: []}
            for joins, front in fronts.items():
                for operation in range(self.num_genes):
                    row = self.edges.at(operation, int(joins))
                    fed = joins or operation != NONE
                    after[fed].append(appended(front, row))
            fronts = {
                fed: np.unique(np.concatenate(parts), axis=0)
                for fed, parts in after.items()
            }
        return np.unique(np.concatenate(asked), axis=0)

    def behind(self, sequence: np.ndarray) -> np.ndarray:
        """The same cell again, then the tokens after the stack.

        A network has five cells before them; more would change published priors.
        """
        return np.concatenate([sequence, self.between])

    def openers(self, vocabulary_size: int) -> jax.Array:
        """The first words after a place, ``bool[V]``; see `first_words`."""
        return first_words(self.edges, vocabulary_size, self.between)


def build(vocabulary: Vocabulary, context: int) -> EdgeTable:
    """Encodes the words of every operation, for contexts of the given length."""
    parts = corpus.parts()
    spelled = [
        vocabulary.encode(parts.edge(operation, joins))
        for operation in range(len(OPERATIONS))
        for joins in (False, True)
    ]
    stem = rows([vocabulary.encode(parts.skeleton.stem)], ())
    return EdgeTable(
        edges=rows(spelled, (len(OPERATIONS), 2)),
        stem=append(jnp.asarray(empty_context(context)), stem),
        between=jnp.asarray(vocabulary.encode(parts.skeleton.between)),
    )
