"""The parts around the equal cells of a benchmark's network."""

import collections
import dataclasses
from collections.abc import Iterable

import flax.linen as nn
import numpy as np

from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.tokens.corpus import Architectures
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """Words around stacks of equal cells.

    Attributes:
      stem: in front of the first cell.
      between: between two stacks.
      head: behind the last cell.
      cells: in a stack.
      stacks: how many.
    """

    stem: tuple[str, ...]
    between: tuple[str, ...]
    head: tuple[str, ...]
    cells: int
    stacks: int

    def architectures(
        self, cells: Iterable[tuple[list[str], int]], vocabulary: Vocabulary
    ) -> Architectures:
        """Networks of cells, given as words and how many have them; equal ones merged.

        Cells that read the same are joined only once.
        """
        merged: collections.Counter[bytes] = collections.Counter()
        for cell, count in cells:
            merged[vocabulary.encode(cell).tobytes()] += count
        stem, between, head = map(
            vocabulary.encode, (self.stem, self.between, self.head)
        )
        sequences = []
        for tokens in merged:
            stack = [np.frombuffer(tokens, np.int32)] * self.cells
            rest = [between, *stack] * (self.stacks - 1)
            sequences.append(np.concatenate([stem, *stack, *rest, head]))
        return Architectures(tuple(sequences), np.array([*merged.values()], np.float64))


def words_of(module: nn.Module, size: Size, keep_groups: bool) -> tuple[str, ...]:
    """The words of a module on images of a size; `word` explains the argument."""
    return tuple(word(layer, keep_groups) for layer in layers_of(module, size))
