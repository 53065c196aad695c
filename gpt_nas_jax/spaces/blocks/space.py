"""The paper's search space: chains of blocks of Table II."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.cost import Cost, cost, layer_macs, layer_memory
from gpt_nas_jax.networks.layers import Size, to_text
from gpt_nas_jax.networks.trace import Trace, trace
from gpt_nas_jax.spaces.blocks import network, reading, variation
from gpt_nas_jax.spaces.blocks.network import TABLE_II, Block
from gpt_nas_jax.spaces.blocks.reading import BlockTable
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.vocabulary import Vocabulary
from gpt_nas_jax.types import PAD, Genome, Key, UsageError


@dataclasses.dataclass(frozen=True)
class BlockSpace:
    """Chains of ``min_depth`` to ``max_depth`` blocks for one image size.

    A genome is ``int32[max_depth]``: indices into ``blocks``, then `PAD`. The module of
    a gene depends on its place: see `gpt_nas_jax.spaces.blocks.network`.

    Attributes:
      image: height, width and channels of the images.
      num_classes: number of outputs.
      min_depth: fewest blocks, at least ``num_stages``.
      max_depth: most blocks, the length of a genome.
      width: channels of the first stage, a multiple of `network.WIDTH_MULTIPLE`.
      num_stages: number of stages, each with its own width and resolution.
      blocks: to choose from, with distinct names.

    Raises:
      UsageError: a value violates these conditions.
    """

    image: Size
    num_classes: int
    min_depth: int
    max_depth: int
    width: int
    num_stages: int
    blocks: tuple[Block, ...] = TABLE_II

    def __post_init__(self) -> None:
        if not 1 <= self.num_stages <= self.min_depth <= self.max_depth:
            raise UsageError(
                f"num_stages {self.num_stages}, min_depth {self.min_depth}, max_depth "
                f"{self.max_depth}: give at least 1, none less than the one before"
            )
        if self.width < 1 or self.width % network.WIDTH_MULTIPLE:
            raise UsageError(
                f"width {self.width}: give a multiple of {network.WIDTH_MULTIPLE}"
            )
        repeated = sorted({n for n in self.gene_names if self.gene_names.count(n) > 1})
        if repeated:
            raise UsageError(f"blocks of one name: {', '.join(repeated)}; rename them")

    @property
    def num_genes(self) -> int:
        """Number of blocks to choose from."""
        return len(self.blocks)

    @property
    def length(self) -> int:
        """Number of genes of the deepest chain."""
        return self.max_depth

    @property
    def num_neighbours(self) -> int:
        """Number of single edits of a chain."""
        return variation.num_neighbours(self.max_depth, self.num_genes)

    def sample(self, key: Key, count: int) -> Genome:
        """``int32[count, max_depth]`` genomes, uniform in depth and in blocks."""
        depth_key, gene_key = jax.random.split(key)
        depths = jax.random.randint(
            depth_key, (count, 1), self.min_depth, self.max_depth + 1
        )
        genes = jax.random.randint(
            gene_key, (count, self.max_depth), 0, self.num_genes, jnp.int32
        )
        return jnp.where(jnp.arange(self.max_depth) < depths, genes, PAD)

    def valid(self, genomes: Genome) -> jax.Array:
        """Whether ``int32[..., max_depth]`` are chains of this space, ``bool[...]``."""
        real = genomes != PAD
        depths = real.sum(-1, keepdims=True)
        contiguous = jnp.all(real == (jnp.arange(self.max_depth) < depths), -1)
        known = jnp.all(~real | ((genomes >= 0) & (genomes < self.num_genes)), -1)
        return contiguous & known & (depths[..., 0] >= self.min_depth)

    def crossover(self, key: Key, first: Genome, second: Genome) -> Genome:
        """Joins the front of one chain to the back of another."""
        return variation.crossover(key, first, second)

    def mutate(self, key: Key, genome: Genome) -> Genome:
        """Replaces, inserts or removes one block, equally likely."""
        return variation.mutate(key, genome, self.min_depth, self.num_genes)

    def neighbour(self, genome: Genome, index: jax.Array) -> tuple[Genome, jax.Array]:
        """Replaces, inserts or removes a block; also returns if the edit exists."""
        return variation.neighbour(genome, index, self.min_depth, self.num_genes)

    def identity(self, genomes: Genome) -> jax.Array:
        """The genomes themselves, ``int32[..., max_depth]``."""
        return genomes

    def choices(self) -> jax.Array:
        """``bool[max_depth, G + 1]``: any block; `PAD`, the last, once deep enough."""
        shape = (self.max_depth, self.num_genes + 1)
        deep = jnp.arange(self.max_depth) >= self.min_depth
        return jnp.ones(shape, bool).at[:, -1].set(deep)

    def size(self, genomes: Genome) -> jax.Array:
        """Parameters of the blocks, ``[...]``."""
        return self.by_block(_params(self), genomes).sum(-1)

    def params(self, genomes: Genome) -> jax.Array:
        """Parameters, classifier included, ``[...]``."""
        return self.size(genomes) + self._head().params

    def flops(self, genomes: Genome) -> jax.Array:
        """Floating-point operations for one image, classifier included, ``[...]``."""
        return self.flops_by_block(genomes).sum(-1) + self._head().flops

    def _head(self) -> Cost:
        *_, (head, size) = self.places()
        return cost(head, size)

    def flops_by_block(self, genomes: Genome) -> jax.Array:
        """`flops` of each block, ``[..., max_depth]``; 0 after the last."""
        return self.by_block(_flops(self), genomes)

    def memory(self, genomes: Genome) -> jax.Array:
        """Bytes of the largest input and output of a layer, ``[...]``.

        In float32 for one image, see `networks.cost.Cost`.
        """
        largest = self.by_block(_memory(self), genomes).max(-1)
        return jnp.maximum(largest, self._head().memory)

    def by_block(self, values: np.ndarray, genomes: Genome) -> jax.Array:
        """Looks up a value for each block, ``[..., max_depth]``; 0 after the last.

        Args:
          values: ``float32[num_stages, 2, num_genes]``, the second index 1 for the
            first block of a stage.
          genomes: ``int32[..., max_depth]``.
        """
        stage, first = self.stages()
        depths = (genomes != PAD).sum(-1)
        stages, firsts = jnp.asarray(stage)[depths], jnp.asarray(first)[depths]
        each = jnp.asarray(values)[stages, firsts, jnp.maximum(genomes, 0)]
        return jnp.where(genomes != PAD, each, 0)

    def trends(self, genomes: Genome) -> jax.Array:
        """``log(1 + size)``, ``[..., 1]``."""
        return jnp.log1p(self.size(genomes))[..., None]

    def features(self, genomes: Genome) -> jax.Array:
        """Counts of blocks and of adjacent pairs, depth: ``[..., G + G * G + 1]``."""
        blocks = jax.nn.one_hot(genomes, self.num_genes)
        pairs = jnp.einsum(
            "...lg,...lh->...gh", blocks[..., :-1, :], blocks[..., 1:, :]
        )
        pairs = pairs.reshape(*genomes.shape[:-1], -1)
        depth = (genomes != PAD).sum(-1, keepdims=True).astype(blocks.dtype)
        return jnp.concatenate([blocks.sum(-2), pairs, depth], -1)

    def stages(self) -> tuple[np.ndarray, np.ndarray]:
        """Stage of every position, and 1 where a stage begins, by depth of the chain.

        Both are ``int32[max_depth + 1, max_depth]``.
        """
        shape = (self.max_depth + 1, self.max_depth)
        stage, first = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        for depth in range(self.min_depth, self.max_depth + 1):
            for start in network.stage_starts(depth, self.num_stages):
                first[depth, start] = 1
            stage[depth] = np.cumsum(first[depth]) - 1
        return stage, first

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The blocks' names."""
        return tuple(block.name for block in self.blocks)

    @property
    def human_genes(self) -> Mapping[str, int]:
        """Every block by name; the zoo's networks consist of those of Table II."""
        return {name: gene for gene, name in enumerate(self.gene_names)}

    @property
    def settings(self) -> Mapping[str, int]:
        """The numbers that decoding needs besides image size and classes."""
        return {"width": self.width, "num_stages": self.num_stages}

    def names(self, genome: Genome) -> tuple[str, ...]:
        """The names of one genome's blocks."""
        return tuple(self.blocks[g].name for g in np.asarray(genome) if g != PAD)

    def genome(self, names: Sequence[str]) -> np.ndarray:
        """The genome of named blocks, ``int32[max_depth]``.

        Raises:
          UsageError: a name is not a block of the space, or there are too many.
        """
        unknown = sorted(set(names) - set(self.gene_names))
        if unknown:
            raise UsageError(
                f"no block is called {', '.join(unknown)}: "
                f"give names of {', '.join(self.gene_names)}"
            )
        if len(names) > self.max_depth:
            raise UsageError(f"{len(names)} blocks: give at most {self.max_depth}")
        genes = [self.gene_names.index(name) for name in names]
        return np.array(genes + [PAD] * (self.max_depth - len(genes)), np.int32)

    def decode(self, genome: Genome) -> Chain:
        """Builds the network of one valid genome."""
        chosen = tuple(self.blocks[gene] for gene in np.asarray(genome) if gene != PAD)
        return network.chain_of(chosen, self.width, self.num_stages, self.num_classes)

    def proposed_blocks(
        self, genome: np.ndarray, proposed: np.ndarray
    ) -> tuple[bool, ...]:
        """Whether the gene of each block before the classifier is proposed."""
        return tuple(map(bool, proposed[: int((genome != PAD).sum())]))

    def reading(self, vocabulary: Vocabulary, context: int = CONTEXT) -> BlockTable:
        """The table that turns chains into tokens, for contexts of a given length."""
        layers = [[part.layer for part in traced.layers] for _, traced in _traces(self)]
        return reading.build(vocabulary, layers, *self.stages(), context)

    def definition(self) -> str:
        """The layers of every block at every place, as text."""
        return "\n".join(
            f"{name}: {to_text(part.layer)}"
            for name, traced in _traces(self)
            for part in traced.layers
        )

    def places(self) -> tuple[tuple[nn.Module, Size], ...]:
        """Every block at every place of a chain with the size of its input."""
        parts = [
            (self._module(block, stage, first), self.in_size(stage, first))
            for stage in range(self.num_stages)
            for first in (True, False)
            for block in self.blocks
        ]
        *_, (last, size) = parts
        return (*parts, (Head(self.num_classes), trace(last, size).out_size))

    def block(self, name: str, stage: int, first: bool) -> nn.Module:
        """The module of a block in a stage; the ``first`` one changes the shape."""
        return self._module(self.blocks[self.gene_names.index(name)], stage, first)

    def _module(self, block: Block, stage: int, first: bool) -> nn.Module:
        stride = 2 if first and stage > 0 else 1
        return network.module_of(block, self.width * 2**stage, stride, first)

    def in_size(self, stage: int, first: bool) -> Size:
        """The size of a block's input, height, width and channels, in a stage."""
        if first and stage == 0:
            return self.image
        halvings = stage - first
        height, width, _ = self.image
        # Strides round up, so halving repeatedly is one division that rounds up.
        return (
            -(-height // 2**halvings),
            -(-width // 2**halvings),
            self.width * 2**halvings,
        )


@functools.cache
def _traces(space: BlockSpace) -> list[tuple[str, Trace]]:
    """Name and trace of every block, ordered by stage, ``first`` and gene."""
    return [
        (name, trace(space.block(name, stage, first), space.in_size(stage, first)))
        for stage in range(space.num_stages)
        for first in (False, True)
        for name in space.gene_names
    ]


@functools.cache
def _params(space: BlockSpace) -> np.ndarray:
    """Parameters of every block, ``float32[stage, first, block]``."""
    return _by_place(space, [traced.params for _, traced in _traces(space)])


@functools.cache
def _flops(space: BlockSpace) -> np.ndarray:
    """Operations of every block for one image, likewise."""
    return _by_place(
        space,
        [
            2 * sum(layer_macs(part.layer) for part in traced.layers)
            for _, traced in _traces(space)
        ],
    )


@functools.cache
def _memory(space: BlockSpace) -> np.ndarray:
    """Bytes of the largest input and output of a layer in every block, likewise."""
    return _by_place(
        space,
        [
            max((layer_memory(part.layer) for part in traced.layers), default=0)
            for _, traced in _traces(space)
        ],
    )


def _by_place(space: BlockSpace, values: list[int]) -> np.ndarray:
    shape = space.num_stages, 2, space.num_genes
    return np.array(values, np.float32).reshape(shape)
