"""The search space of NAS-Bench-101 (arXiv 1902.09635) as padded graphs."""

import dataclasses
import json
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.datasets.benchmarks.nasbench101 import (
    MAX_VERTICES,
    NO_OPERATION,
    OPERATIONS,
)
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.spaces import cells
from gpt_nas_jax.spaces.nasbench101 import corpus, network, reading
from gpt_nas_jax.spaces.nasbench101.cells import MAX_EDGES, Cell, prune
from gpt_nas_jax.spaces.nasbench101.graphs import EDGES, NUM_EDGES, OUTPUT, pruned
from gpt_nas_jax.spaces.nasbench101.reading import VertexTable
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.vocabulary import Vocabulary
from gpt_nas_jax.types import Genome, Key, UsageError

_INNER = MAX_VERTICES - 2
# Index of the edge from input to output.
_DIRECT = NUM_EDGES - MAX_VERTICES + 1
_ATTEMPTS = 24
NO_EDGE = "none"
"""The name of a missing edge."""
_LEAST_SIZE = 0.1
_WEIGHTS = np.array([9.0, 1.0, 0.0], np.float32)
"""Weights of each of `OPERATIONS`, in units of its squared channels."""
# Arbitrary, but with these no two cells collide.
_SEEDS = np.array([0x9E3779B9, 0x85EBCA6B, 0x27D4EB2F, 0x165667B1], np.uint32)


# Arrays have no single truth value, so spaces compare by object identity.
@dataclasses.dataclass(frozen=True, eq=False)
class NasBench101Space(cells.CellSpace):
    """Cells of up to seven vertices and nine edges.

    A genome is ``int32[26]``: whether each of the 21 possible edges exists, in the
    order of `nasbench101.pack_edges`, then for every inner vertex an index into
    `OPERATIONS`. Vertices on no path from input to output are ignored.

    Attributes:
      image: height, width and channels of the images.
      num_classes: number of outputs.
      listed: ``int8[N, 26]``, one genome of every network, to sample uniformly from; if
        None, samples are random graphs, most of them large.
    """

    image: Size = network.IMAGE
    num_classes: int = 10
    listed: np.ndarray | None = None

    @property
    def length(self) -> int:
        """Number of genes."""
        return NUM_EDGES + _INNER

    @property
    def num_genes(self) -> int:
        """Number of values of a gene; those of edges have two."""
        return len(OPERATIONS)

    @property
    def num_neighbours(self) -> int:
        """Number of single edits: flipped edges and replaced operations."""
        return NUM_EDGES + _INNER * (len(OPERATIONS) - 1)

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The operations' names; the prior proposes no edges."""
        return OPERATIONS

    def names(self, genome: Genome) -> tuple[str, ...]:
        """Every edge as ``source-target`` or `NO_EDGE`, then the operations."""
        genes = [int(gene) for gene in np.asarray(genome)]
        edges = [
            f"{source}-{target}" if gene else NO_EDGE
            for (source, target), gene in zip(EDGES, genes, strict=False)
        ]
        return (*edges, *(OPERATIONS[gene] for gene in genes[NUM_EDGES:]))

    def genome(self, names: Sequence[str]) -> np.ndarray:
        """The genome with these `names`, ``int32[26]``.

        Raises:
          UsageError: there is no such genome.
        """
        edges = [int(name != NO_EDGE) for name in names[:NUM_EDGES]]
        operations = [
            OPERATIONS.index(name) if name in OPERATIONS else -1
            for name in names[NUM_EDGES:]
        ]
        genome = np.array(edges + operations, np.int32)
        if len(genome) != self.length or self.names(genome) != tuple(names):
            raise UsageError(
                f"{', '.join(names)}: give {NUM_EDGES} edges, each as source-target "
                f"or {NO_EDGE}, and {_INNER} of {', '.join(OPERATIONS)}"
            )
        return genome

    def decode(self, genome: Genome) -> Chain:
        """Builds the benchmark's network of one valid genome.

        Raises:
          UsageError: input and output are not connected.
        """
        genes = [int(gene) for gene in np.asarray(genome)]
        bits = sum(gene << index for index, gene in enumerate(genes[:NUM_EDGES]))
        cell = prune(Cell(bits, tuple(genes[NUM_EDGES:])))
        if cell is None:
            raise UsageError("a cell whose output is not connected to its input")
        return network.network(cell.edges, cell.ops, self.num_classes)

    def proposed_blocks(
        self, genome: np.ndarray, proposed: np.ndarray
    ) -> tuple[bool, ...]:
        """All blocks if any operation is proposed, since all cells have it."""
        return (bool(proposed.any()),) * (network.DEPTH - 1)

    def places(self) -> tuple[tuple[nn.Module, Size], ...]:
        """The blocks that every network shares, with the sizes of their inputs."""
        direct = np.arange(self.length) == _DIRECT
        chain = self.decode(direct.astype(np.int32))
        return cells.shared_blocks(chain, self.image, network.CellModule)

    def reading(self, vocabulary: Vocabulary, context: int = CONTEXT) -> VertexTable:
        """The table that turns cells into tokens, for contexts of a given length."""
        return reading.build(vocabulary, context)

    def definition(self) -> str:
        """The words of every operation and of the parts around the cells."""
        return json.dumps(dataclasses.asdict(corpus.parts()))

    def sample(self, key: Key, count: int) -> Genome:
        """``int32[count, 26]``: drawn from ``listed``, or random valid graphs."""
        if self.listed is not None:
            rows = jax.random.randint(key, (count,), 0, len(self.listed))
            return jnp.asarray(self.listed)[rows].astype(jnp.int32)
        return jax.vmap(self._sample)(jax.random.split(key, count))

    def _sample(self, key: Key) -> Genome:
        edge_key, operation_key = jax.random.split(key)
        edges = jax.random.bernoulli(edge_key, 0.5, (_ATTEMPTS, NUM_EDGES))
        # The last attempt is always valid.
        edges = edges.at[-1].set(jnp.arange(NUM_EDGES) == _DIRECT)
        operations = jax.random.randint(
            operation_key, (_ATTEMPTS, _INNER), 0, len(OPERATIONS)
        )
        genomes = jnp.concatenate([edges.astype(jnp.int32), operations], -1)
        return genomes[jnp.argmax(self.valid(genomes))]

    def valid(self, genomes: Genome) -> jax.Array:
        """Whether ``int32[..., 26]`` are cells of the space, ``bool[...]``."""
        edges, operations = genomes[..., :NUM_EDGES], genomes[..., NUM_EDGES:]
        known = jnp.all((edges == 0) | (edges == 1), -1) & jnp.all(
            (operations >= 0) & (operations < len(OPERATIONS)), -1
        )
        adjacency, kept = pruned(genomes)
        few = adjacency.sum((-2, -1)) <= MAX_EDGES
        return known & few & kept[..., 0] & kept[..., -1]

    def crossover(self, key: Key, first: Genome, second: Genome) -> Genome:
        """One-point crossover; returns the first genome if the child is invalid."""
        child = cells.crossover(key, first, second)
        return jnp.where(self.valid(child), child, first)

    def neighbour(self, genome: Genome, index: jax.Array) -> tuple[Genome, jax.Array]:
        """Flips an edge or replaces an operation; also returns if that is valid.

        The network may stay the same, if the edit is on no path.
        """
        flips = index < NUM_EDGES
        rest = index - NUM_EDGES
        place = jnp.where(flips, index, NUM_EDGES + rest // (len(OPERATIONS) - 1))
        step = jnp.where(flips, 1, 1 + rest % (len(OPERATIONS) - 1))
        count = jnp.where(flips, 2, len(OPERATIONS))
        changed = genome.at[place].set((genome[place] + step) % count)
        return changed, self.valid(changed)

    def identity(self, genomes: Genome) -> jax.Array:
        """``int32[..., 2]``, equal for isomorphic pruned cells.

        Computed like the benchmark's module hash, with an integer hash instead of MD5.
        It differs for all 423,624 cells.
        """
        adjacency, kept = pruned(genomes)
        edges = adjacency.astype(jnp.uint32)
        labels = _labels(genomes)
        incoming = edges.sum(-2, dtype=jnp.uint32)
        outgoing = edges.sum(-1, dtype=jnp.uint32)
        values = _mix(labels + 8 * incoming + 64 * outgoing)
        for _ in range(MAX_VERTICES):
            ahead = edges * _mix(values ^ _SEEDS[0])[..., :, None]
            behind = edges * _mix(values ^ _SEEDS[1])[..., None, :]
            before = ahead.sum(-2, dtype=jnp.uint32)
            after = behind.sum(-1, dtype=jnp.uint32)
            values = _mix(values * 3 + _mix(before) * 5 + _mix(after + 1) * 7)
        # Summed as 32 bits; with `jax_enable_x64` the sum would have 64.
        words = [
            jnp.where(kept, _mix(values ^ seed), 0).sum(-1, dtype=jnp.uint32)
            for seed in _SEEDS[2:]
        ]
        return jax.lax.bitcast_convert_type(jnp.stack(words, -1), jnp.int32)

    def choices(self) -> jax.Array:
        """``bool[26, 4]``: which value each gene may have; the last is `PAD`."""
        edge = jnp.arange(self.length)[:, None] < NUM_EDGES
        value = jnp.arange(self.num_genes + 1)
        return jnp.where(edge, value < 2, value < self.num_genes)

    def size(self, genomes: Genome) -> jax.Array:
        """Approximate number of the cell's weights, over its squared width, ``[...]``.

        Channels are assigned as in `spaces.nasbench101.network`, without rounding.
        """
        adjacency, _ = pruned(genomes)
        to_output = adjacency[..., 1:OUTPUT, OUTPUT]
        share = 1 / jnp.maximum(to_output.sum(-1), 1)
        channels = {}
        for vertex in range(OUTPUT - 1, 0, -1):
            widest = jnp.zeros(share.shape)
            for target, width in channels.items():
                fed = adjacency[..., vertex, target]
                widest = jnp.maximum(widest, jnp.where(fed, width, 0))
            feeds = adjacency[..., vertex, OUTPUT]
            channels[vertex] = jnp.where(feeds, share, widest)
        total = adjacency[..., 0, OUTPUT].astype(jnp.float32)
        weights = jnp.asarray(_WEIGHTS)[genomes[..., NUM_EDGES:]]
        for vertex, width in channels.items():
            total += weights[..., vertex - 1] * width**2
            total += jnp.where(adjacency[..., 0, vertex], width, 0)
        return total

    def trends(self, genomes: Genome) -> jax.Array:
        """``log(size)``, offset to be finite, ``[..., 1]``."""
        return jnp.log(self.size(genomes) + _LEAST_SIZE)[..., None]

    def features(self, genomes: Genome) -> jax.Array:
        """Paths, operations and shape of ``int32[..., 26]``, ``[..., 373]``.

        For each sequence of operations, the square root of the number of
        input-to-output paths with it (BANANAS, arXiv 1910.11858, uses only whether
        there is one). Then the number of vertices per operation, of edges and of edges
        into the output, the longest path in vertices and in 3x3 convolutions, and twice
        `trends`.
        """
        flat = genomes.reshape(-1, self.length)
        size = 2 * self.trends(flat)
        features = jnp.concatenate([jax.vmap(_features)(flat), size], -1)
        return features.reshape(*genomes.shape[:-1], -1)


def genomes_of(
    n_vertices: np.ndarray, edge_bits: np.ndarray, ops: np.ndarray
) -> np.ndarray:
    """Converts columns of `nasbench101.Cells` to genomes ``int8[N, 26]``.

    The output becomes the last of seven vertices; missing ones are on no path.
    """
    genomes = np.zeros((len(n_vertices), NUM_EDGES + _INNER), np.int8)
    for index, (source, target) in enumerate(EDGES):
        there = (edge_bits >> index & 1).astype(bool)
        target = np.where(target == n_vertices - 1, OUTPUT, target)
        place = source + target * (target - 1) // 2
        genomes[there, place[there]] = 1
    genomes[:, NUM_EDGES:] = np.where(ops == NO_OPERATION, 0, ops)
    return genomes


def _labels(genomes: Genome) -> jax.Array:
    """``uint32[..., 7]``: labels of the vertices, from input to output."""
    operations = genomes[..., NUM_EDGES:].astype(jnp.uint32)
    ends = [(0, 0)] * (genomes.ndim - 1) + [(1, 1)]
    labels = jnp.pad(operations, ends, constant_values=len(OPERATIONS))
    return labels.at[..., -1].add(1)


def _mix(values: jax.Array) -> jax.Array:
    """A bijection of ``uint32`` in which every bit depends on every other."""
    values = (values ^ (values >> 16)) * jnp.uint32(0x7FEB352D)
    values = (values ^ (values >> 15)) * jnp.uint32(0x846CA68B)
    return values ^ (values >> 16)


def _features(genome: Genome) -> jax.Array:
    adjacency, kept = pruned(genome)
    edges = adjacency.astype(jnp.float32)
    operations = jax.nn.one_hot(genome[NUM_EDGES:], len(OPERATIONS))
    operations = operations * kept[1:OUTPUT, None]
    paths = {0: cells.start_paths(len(OPERATIONS), _INNER)}

    def into(vertex: int) -> cells.Paths:
        sources = [[edges[x, vertex] * part for part in paths[x]] for x in paths]
        return [sum(parts) for parts in zip(*sources, strict=True)]

    for vertex in range(1, OUTPUT):
        paths[vertex] = cells.extend_paths(into(vertex), operations[vertex - 1])
    convolutions = jnp.pad(operations[:, OPERATIONS.index("conv3x3-bn-relu")], (1, 1))
    numbers = [
        *operations.sum(0),
        edges.sum(),
        edges[:, OUTPUT].sum(),
        _longest(adjacency, kept.astype(jnp.float32)),
        _longest(adjacency, convolutions),
    ]
    return jnp.concatenate([jnp.sqrt(p) for p in into(OUTPUT)] + [jnp.stack(numbers)])


def _longest(adjacency: jax.Array, weights: jax.Array) -> jax.Array:
    """The weight of the heaviest path to the output, by weights of vertices."""
    totals = jnp.zeros(MAX_VERTICES)
    for vertex in range(1, MAX_VERTICES):
        before = jnp.where(adjacency[:, vertex], totals, 0).max()
        totals = totals.at[vertex].set(before + weights[vertex])
    return totals[OUTPUT]
