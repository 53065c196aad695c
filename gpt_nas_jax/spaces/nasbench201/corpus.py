"""The layers of every NAS-Bench-201 network, without building each one."""

import dataclasses

from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES, OPERATIONS
from gpt_nas_jax.networks.blocks import BatchNorm, ReLU
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.layers import Other, Size
from gpt_nas_jax.networks.units import conv_norm
from gpt_nas_jax.spaces.nasbench101.corpus import Columns
from gpt_nas_jax.spaces.nasbench201 import network
from gpt_nas_jax.spaces.skeleton import Skeleton, words_of
from gpt_nas_jax.tokens.corpus import Architectures
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word

_SIZE: Size = (32, 32, 16)


@dataclasses.dataclass(frozen=True)
class EdgeWords:
    """Words of the networks' parts; some operations have none."""

    skeleton: Skeleton
    operations: tuple[tuple[str, ...], ...]
    add: str = word(Other(0, _SIZE, _SIZE, "add", ()))

    def edge(self, operation: int, joins: bool) -> tuple[str, ...]:
        """The words of an operation into a node, which ``joins`` earlier inputs."""
        added = joins and operation != network.NONE
        return self.operations[operation] + (self.add,) * added


def parts(keep_groups: bool = False) -> EdgeWords:
    """Traces the words of the parts; ``keep_groups`` as in `word`."""
    nothing = (network.NONE,) * (len(EDGES) - 1)
    tail = Chain((BatchNorm(), ReLU(), Head(10)))
    return EdgeWords(
        Skeleton(
            stem=words_of(conv_norm(16, 3), network.IMAGE, keep_groups),
            between=words_of(network.Reduction(32), _SIZE, keep_groups),
            head=words_of(tail, (8, 8, 64), keep_groups),
            cells=network.CELLS,
            stacks=network.STACKS,
        ),
        operations=tuple(
            words_of(network.CellModule((*nothing, operation)), _SIZE, keep_groups)
            for operation in range(len(OPERATIONS))
        ),
    )


def words(keep_groups: bool = False) -> tuple[str, ...]:
    """All words of the benchmark's networks; ``keep_groups`` as in `word`."""
    known = parts(keep_groups)
    around = known.skeleton
    operations = [w for operation in known.operations for w in operation]
    rest = (*around.stem, *around.between, *around.head, known.add)
    return tuple(sorted({*operations, *rest}))


def architectures(cells: Columns, vocabulary: Vocabulary) -> Architectures:
    """Token sequences of the networks of all cells, duplicates merged.

    Args:
      cells: the one column ``uint8[N, 6]``, operations of the edges.
      vocabulary: encodes the words.
    """
    (operations,) = cells
    known = parts()
    spelled = (_cell_words(row, known) for row in operations.tolist())
    cells = ((words, words, 1) for words in spelled)
    return known.skeleton.architectures(cells, vocabulary)


def _cell_words(operations: list[int], parts: EdgeWords) -> list[str]:
    result: list[str] = []
    fed: set[int] = set()
    for (_, target), operation in zip(EDGES, operations, strict=True):
        result += parts.edge(operation, target in fed)
        if operation != network.NONE:
            fed.add(target)
    return result
