"""The search space of NAS-Bench-201 (arXiv 2001.00326)."""

import dataclasses
import functools
import json
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES, OPERATIONS
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.spaces import cells
from gpt_nas_jax.spaces.nasbench201 import corpus, network, reading
from gpt_nas_jax.spaces.nasbench201.reading import EdgeTable
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.vocabulary import Vocabulary
from gpt_nas_jax.types import Genome, Key, UsageError

_NONE, _SKIP, _CONV1, _CONV3, _POOL = map(
    OPERATIONS.index,
    ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
)
# Operations that appear as a layer in a path.
_LAYERS = (_CONV1, _CONV3, _POOL)
_NODES = 1 + max(target for _, target in EDGES)
_LONGEST_PATH = _NODES - 1
_HALVED = 2 ** (network.STACKS - 1)


@dataclasses.dataclass(frozen=True)
class NasBench201Space(cells.CellSpace):
    """Cells of four nodes with an operation on each of the six edges.

    A genome is ``int32[6]``: for every edge of `nasbench201.EDGES` an index into
    `OPERATIONS`. All 15,625 are valid, and the benchmark trained each of them.

    Attributes:
      image: height, width and channels of the images; height and width are multiples
        of 4, since two reductions halve them.
      num_classes: number of outputs.

    Raises:
      UsageError: height or width is not a multiple of 4.
    """

    image: Size = network.IMAGE
    num_classes: int = 10

    def __post_init__(self) -> None:
        height, width, _ = self.image
        if height % _HALVED or width % _HALVED:
            raise UsageError(
                f"cells of NAS-Bench-201 halve images twice: {height}x{width} pixels "
                f"are not multiples of {_HALVED}; resize them"
            )

    @property
    def length(self) -> int:
        """Number of genes."""
        return len(EDGES)

    @property
    def num_genes(self) -> int:
        """Number of values of a gene."""
        return len(OPERATIONS)

    @property
    def num_neighbours(self) -> int:
        """Number of genomes that differ in one gene."""
        return len(EDGES) * (len(OPERATIONS) - 1)

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The operations' names."""
        return OPERATIONS

    def names(self, genome: Genome) -> tuple[str, ...]:
        """The name of every edge's operation."""
        return tuple(OPERATIONS[gene] for gene in np.asarray(genome))

    def genome(self, names: Sequence[str]) -> np.ndarray:
        """The genome of six named operations, ``int32[6]``.

        Raises:
          UsageError: there are not six names, or one is not in `OPERATIONS`.
        """
        if len(names) != self.length or set(names) - {*OPERATIONS}:
            raise UsageError(
                f"{', '.join(names)}: give {self.length} of {', '.join(OPERATIONS)}"
            )
        return np.array([OPERATIONS.index(name) for name in names], np.int32)

    def decode(self, genome: Genome) -> Chain:
        """Builds the benchmark's network of one genome."""
        operations = tuple(int(gene) for gene in np.asarray(genome))
        return network.network(operations, self.num_classes)

    def proposed_blocks(
        self, genome: np.ndarray, proposed: np.ndarray
    ) -> tuple[bool, ...]:
        """All blocks if any operation is proposed, since all cells have it."""
        return (bool(proposed.any()),) * (network.DEPTH - 1)

    def places(self) -> tuple[tuple[nn.Module, Size], ...]:
        """The blocks that every network shares, with the sizes of their inputs."""
        skips = np.full(self.length, network.SKIP, np.int32)
        return cells.shared_blocks(self.decode(skips), self.image, network.CellModule)

    def reading(self, vocabulary: Vocabulary, context: int = CONTEXT) -> EdgeTable:
        """The table that turns cells into tokens, for contexts of a given length."""
        return reading.build(vocabulary, context)

    def definition(self) -> str:
        """The words of every operation and of the parts around the cells."""
        return json.dumps(dataclasses.asdict(corpus.parts()))

    def sample(self, key: Key, count: int) -> Genome:
        """``int32[count, 6]`` genomes, uniform."""
        shape = (count, self.length)
        return jax.random.randint(key, shape, 0, self.num_genes, jnp.int32)

    def valid(self, genomes: Genome) -> jax.Array:
        """Whether every gene of ``int32[..., 6]`` names an operation, ``bool[...]``."""
        return jnp.all((genomes >= 0) & (genomes < self.num_genes), -1)

    def crossover(self, key: Key, first: Genome, second: Genome) -> Genome:
        """One-point crossover."""
        return cells.crossover(key, first, second)

    def neighbour(self, genome: Genome, index: jax.Array) -> tuple[Genome, jax.Array]:
        """Replaces the operation of one edge; every such edit exists."""
        place, step = index // (self.num_genes - 1), index % (self.num_genes - 1)
        gene = (genome[place] + 1 + step) % self.num_genes
        return genome.at[place].set(gene), jnp.bool_(True)

    def identity(self, genomes: Genome) -> jax.Array:
        """``int32[..., 1]``, equal for equal networks: the genome as one number."""
        places = self.num_genes ** jnp.arange(self.length, dtype=jnp.int32)
        return (genomes * places).sum(-1, keepdims=True)

    def choices(self) -> jax.Array:
        """``bool[6, 6]``: which value each gene may have; the last is `PAD`."""
        return jnp.ones((self.length, self.num_genes + 1), bool).at[:, -1].set(False)

    def size(self, genomes: Genome) -> jax.Array:
        """Weights of the cell's convolutions over its squared width, ``[...]``."""
        return 9.0 * (genomes == _CONV3).sum(-1) + (genomes == _CONV1).sum(-1)

    def params(self, genomes: Genome) -> jax.Array:
        """Parameters, ``[...]``."""
        return self._sum(_costs(self)[0], genomes)

    def flops(self, genomes: Genome) -> jax.Array:
        """Floating-point operations for one image, ``[...]``."""
        return self._sum(_costs(self)[1], genomes)

    def _sum(self, values: np.ndarray, genomes: Genome) -> jax.Array:
        """Sums ``[1 + G]`` values: first that of the skeleton, then one per gene."""
        return values[0] + jnp.asarray(values)[1 + genomes].sum(-1)

    def trends(self, genomes: Genome) -> jax.Array:
        """``log(1 + size)``, ``[..., 1]``."""
        return jnp.log1p(self.size(genomes))[..., None]

    def features(self, genomes: Genome) -> jax.Array:
        """Operations, paths and size of ``int32[..., 6]``, ``[..., 71]``.

        Operations are one-hot per edge. For each sequence of layers, twice the square
        root of the number of input-to-output paths with it; paths through a `none` do
        not count. Last, twice `trends`.
        """
        flat = genomes.reshape(-1, self.length)
        size = 2 * self.trends(flat)
        features = jnp.concatenate([jax.vmap(_features)(flat), size], -1)
        return features.reshape(*genomes.shape[:-1], -1)


@functools.cache
def _costs(space: NasBench201Space) -> np.ndarray:
    """Parameters and FLOPs of the skeleton and of each gene, ``float32[2, 1 + G]``."""
    found = []
    for gene in range(space.num_genes):
        known = cost(space.decode(np.full(space.length, gene)), space.image)
        found.append((known.params, known.flops))
    rest = np.array(found[OPERATIONS.index("none")])
    each = (np.array(found) - rest) / space.length
    return np.concatenate([rest[None], each]).T.astype(np.float32)


def _features(genome: Genome) -> jax.Array:
    operations = jax.nn.one_hot(genome, len(OPERATIONS))
    start = cells.start_paths(len(_LAYERS), _LONGEST_PATH)
    paths = {0: start}
    for node in range(1, _NODES):
        reached = []
        for edge, (source, target) in enumerate(EDGES):
            if target == node:
                kind = operations[edge]
                longer = cells.extend_paths(paths[source], kind[jnp.array(_LAYERS)])
                reached.append(
                    [
                        same * kind[_SKIP] + more
                        for same, more in zip(paths[source], longer, strict=True)
                    ]
                )
        paths[node] = [sum(parts) for parts in zip(*reached, strict=True)]
    return jnp.concatenate(
        [operations.ravel(), *(2 * jnp.sqrt(kind) for kind in paths[_NODES - 1])]
    )
