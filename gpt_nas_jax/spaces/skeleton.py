"""The parts around the equal cells of a benchmark's network."""

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
        self,
        cells: Iterable[tuple[Sequence[str], Sequence[str], int]],
        vocabulary: Vocabulary,
    ) -> Architectures:
        """Networks of cells, equal ones merged.

        Args:
          cells: the words of each, those of the same cell where it is the first behind
            ``between``, and how many networks have it. Cells that read the same are
            joined only once.
          vocabulary: of the words.
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
    """The words of a module on images of a size; `word` explains the argument."""
    return tuple(word(layer, keep_groups) for layer in layers_of(module, size))
