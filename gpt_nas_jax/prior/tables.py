"""The table by which the prior reads genomes of a space."""

from gpt_nas_jax.data import nasbench101, nasbench201
from gpt_nas_jax.networks.candidate import BLOCK_NAMES
from gpt_nas_jax.prior import nasbench101_table, nasbench201_table, table
from gpt_nas_jax.prior.reading import Table
from gpt_nas_jax.prior.vocabulary import Vocabulary
from gpt_nas_jax.spaces.blocks import BlockSpace
from gpt_nas_jax.spaces.nasbench101 import NasBench101Space
from gpt_nas_jax.spaces.nasbench201 import NasBench201Space
from gpt_nas_jax.types import Space


def build(space: Space, vocabulary: Vocabulary) -> Table:
    """The table of a space in the tokens of a vocabulary."""
    match space:
        case NasBench101Space():
            return nasbench101_table.build(vocabulary)
        case NasBench201Space():
            return nasbench201_table.build(vocabulary)
        case BlockSpace():
            return table.build(space, vocabulary)
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
