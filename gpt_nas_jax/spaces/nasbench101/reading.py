"""Tokens of NAS-Bench-101 cells, by operation."""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.datasets.benchmarks.nasbench101 import MAX_VERTICES, OPERATIONS
from gpt_nas_jax.spaces.nasbench101 import corpus
from gpt_nas_jax.spaces.nasbench101.graphs import NUM_EDGES, OUTPUT, pruned
from gpt_nas_jax.tokens.reading import (
    Rows,
    append,
    appended,
    empty_context,
    first_words,
    joined,
    rows,
)
from gpt_nas_jax.tokens.vocabulary import Vocabulary
from gpt_nas_jax.types import Genome, Tokens


@flax.struct.dataclass
class VertexTable:
    """A `ReadingTable` of cells; the prior proposes only operations, not edges.

    Between two operations come the projections, sums and concatenations that the edges
    imply. The genome is read as the first cell of the network, after pruning.

    Attributes:
      operations: rows ``[G]``.
      wiring: rows ``[2, 2, V, S]`` before a vertex, indexed by whether it is the
        output, whether the input feeds it, how many inner vertices do, and the number
        of vertices that share the output's channels, minus one.
      stem: the context before the first cell, ``int32[C]``.
    """

    operations: Rows
    wiring: Rows
    stem: Tokens

    @property
    def positions(self) -> tuple[int, ...]:
        """The operations of the inner vertices."""
        return tuple(range(NUM_EDGES, NUM_EDGES + OUTPUT - 1))

    @property
    def num_genes(self) -> int:
        """Number of operations."""
        return len(OPERATIONS)

    def eliminable(self, genome: Genome) -> jax.Array:
        """The operations of vertices that pruning keeps, ``bool[26]``."""
        _, kept = pruned(genome)
        return jnp.concatenate([jnp.zeros(NUM_EDGES, bool), kept[1:OUTPUT]])

    def start(self, genome: Genome) -> Tokens:
        """The stem and the wiring of the first vertex."""
        edges, _ = pruned(genome)
        return append(self.stem, self._wiring(edges, 1))

    def words(self, genome: Genome, position: jax.Array) -> Rows:
        """The layers of a vertex and the wiring of the next one."""
        (edges, kept), vertex = pruned(genome), position - NUM_EDGES + 1
        own = self.operations.at(genome[position])
        own = own.replace(lengths=jnp.where(kept[vertex], own.lengths, 0))
        return joined(own, self._wiring(edges, vertex + 1))

    def behind(self, sequence: np.ndarray) -> np.ndarray:
        """The same cell again, without the wiring of its first vertex.

        A network has this wiring, too; to add it would change published priors.
        """
        return sequence

    def openers(self, vocabulary_size: int) -> jax.Array:
        """The first words of genes, ``bool[V]``; see `first_words`."""
        return first_words(self.operations, vocabulary_size)

    def contexts(self) -> np.ndarray:
        """All contexts that can precede an operation, ``int32[N, C]``."""
        shares = self.wiring.lengths.shape[-1]
        each = [self._contexts(share) for share in range(shares)]
        return np.unique(np.concatenate(each), axis=0)

    def _contexts(self, share: int) -> np.ndarray:
        """Those of cells whose output is fed by ``share + 1`` inner vertices."""
        fronts, asked = np.asarray(self.stem)[None], []
        for vertex in range(1, OUTPUT):
            fed = np.concatenate(
                [
                    appended(fronts, self.wiring.at(0, projected, inner, share))
                    for projected in range(2)
                    for inner in range(vertex)
                    if projected + inner
                ]
            )
            asked.append(np.unique(fed, axis=0))
            behind = [
                appended(asked[-1], self.operations.at(operation))
                for operation in range(self.num_genes)
            ]
            # Pruning may remove a vertex.
            fronts = np.unique(np.concatenate([fronts, *behind]), axis=0)
        return np.unique(np.concatenate(asked), axis=0)

    def _wiring(self, edges: jax.Array, vertex: jax.Array | int) -> Rows:
        projected, inner = edges[0, vertex], edges[1:, vertex].sum()
        share = jnp.maximum(edges[1:, OUTPUT].sum() - 1, 0)
        place = jnp.asarray(vertex) == OUTPUT, projected, inner, share
        return self.wiring.at(*(number.astype(int) for number in place))


def build(vocabulary: Vocabulary, context: int) -> VertexTable:
    """Encodes all operations and the wiring, for contexts of the given length."""
    parts = corpus.parts()
    shares = range(1, len(parts.projections) + 1)
    inner = [
        parts.wiring(projected, projected + count, share)
        for projected in (False, True)
        for count in range(MAX_VERTICES)
        for share in shares
    ]
    output = [
        parts.end(projected, count)
        for projected in (False, True)
        for count in range(MAX_VERTICES)
        for _ in shares
    ]
    stem = rows([vocabulary.encode(parts.skeleton.stem)], ())
    return VertexTable(
        operations=rows(
            [*map(vocabulary.encode, parts.operations)], (len(OPERATIONS),)
        ),
        wiring=rows(
            [vocabulary.encode(part) for part in (*inner, *output)],
            (2, 2, MAX_VERTICES, len(shares)),
        ),
        stem=append(jnp.asarray(empty_context(context)), stem),
    )
