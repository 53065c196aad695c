"""The parts around the identical cells of a benchmark's network."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

import flax.linen as nn
import numpy as np

from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.tokens.corpus import Architectures
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """Words around stacks of identical cells.

    Attributes:
      stem: before the first cell.
      between: between two stacks.
      head: after the last cell.
      cells: number of cells in a stack.
      stacks: number of stacks.
    """

    stem: tuple[str, ...]
    between: tuple[str, ...]
    head: tuple[str, ...]
    cells: int
    stacks: int

    def architectures(
        self,
        cells: Iterable[tuple[Sequence[str], Sequence[str], int]],
        vocabulary: Vocabulary,
    ) -> Architectures:
        """The networks of cells as token sequences, duplicates merged.

        Args:
          cells: for each cell its words, its words as the first cell after ``between``,
            and how many networks have it. Cells with the same words are built only
            once.
          vocabulary: encodes the words.
        """
        merged: collections.Counter[tuple[bytes, bytes]] = collections.Counter()
        for cell, first, count in cells:
            tokens = vocabulary.encode(cell), vocabulary.encode(first)
            merged[tokens[0].tobytes(), tokens[1].tobytes()] += count
        stem, between, head = map(
            vocabulary.encode, (self.stem, self.between, self.head)
        )
        sequences = []
        for tokens in merged:
            cell, first = (np.frombuffer(part, np.int32) for part in tokens)
            stack = [cell] * self.cells
            rest = [between, first, *stack[1:]] * (self.stacks - 1)
            sequences.append(np.concatenate([stem, *stack, *rest, head]))
        return Architectures(tuple(sequences), np.array([*merged.values()], np.float64))


def words_of(module: nn.Module, size: Size, keep_groups: bool) -> tuple[str, ...]:
    """The words of a module on images of a size; ``keep_groups`` as in `word`."""
    return tuple(word(layer, keep_groups) for layer in layers_of(module, size))
