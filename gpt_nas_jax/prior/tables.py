"""The table by which the prior reads genomes of a space."""

from gpt_nas_jax.datasets.benchmarks import nasbench101, nasbench201
from gpt_nas_jax.spaces.blocks import reading as blocks_reading
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench101 import reading as nasbench101_reading
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space
from gpt_nas_jax.spaces.nasbench201 import reading as nasbench201_reading
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.tokens.reading import Table
from gpt_nas_jax.tokens.vocabulary import Vocabulary
from gpt_nas_jax.types import Space


def build(space: Space, vocabulary: Vocabulary) -> Table:
    """The table of a space in the tokens of a vocabulary."""
    match space:
        case NasBench101Space():
            return nasbench101_reading.build(vocabulary)
        case NasBench201Space():
            return nasbench201_reading.build(vocabulary)
        case BlockSpace():
            return blocks_reading.build(space, vocabulary)
    raise TypeError(f"no table reads genomes of {space}")


def gene_names(space: Space) -> tuple[str, ...]:
    """What the genes that a table of the space chooses from are called."""
    match space:
        case NasBench101Space():
            return nasbench101.OPERATIONS
        case NasBench201Space():
            return nasbench201.OPERATIONS
        case BlockSpace():
            return BLOCK_NAMES
    raise TypeError(f"genes of {space} have no names")
