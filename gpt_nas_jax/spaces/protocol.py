"""Spaces that a prior can read, and spaces of trainable networks."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import flax.linen as nn
import numpy as np

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.reading import ReadingTable
from gpt_nas_jax.tokens.vocabulary import Vocabulary
from gpt_nas_jax.types import Genome, Space


class ReadableSpace(Space, Protocol):
    """A space that the prior can propose genes for."""

    @property
    def gene_names(self) -> tuple[str, ...]:
        """Names of the genes that the prior chooses from."""

    @property
    def human_genes(self) -> Mapping[str, int]:
        """Genes that occur as blocks in the zoo's networks, by block name."""

    def reading(self, vocabulary: Vocabulary, context: int = CONTEXT) -> ReadingTable:
        """The table that turns genomes into tokens, for contexts of a given length."""

    def definition(self) -> str:
        """Text that changes whenever the layers of a gene change."""


class NetworkSpace(ReadableSpace, Protocol):
    """A space whose genomes are networks that can be trained."""

    @property
    def image(self) -> Size:
        """Height, width and channels of the images."""

    @property
    def num_classes(self) -> int:
        """Number of outputs."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Further numbers that decoding needs; saved with a trained network."""

    def decode(self, genome: Genome) -> Chain:
        """Builds the network of one valid genome, its classifier last."""

    def names(self, genome: Genome) -> tuple[str, ...]:
        """The name of every gene before `PAD`."""

    def genome(self, names: Sequence[str]) -> np.ndarray:
        """The genome of these names, ``int32[L]``; the inverse of `names`."""

    def proposed_blocks(
        self, genome: np.ndarray, proposed: np.ndarray
    ) -> tuple[bool, ...]:
        """Whether each block before the classifier counts as proposed.

        Args:
          genome: ``int32[L]``.
          proposed: ``bool[L]``, the proposed genes.
        """

    def places(self) -> tuple[tuple[nn.Module, Size], ...]:
        """The blocks to compile before a search, with the sizes of their inputs."""
