"""Search spaces: genome to network and back."""

from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space

__all__ = ["BlockSpace", "CategoricalSpace", "NasBench101Space", "NasBench201Space"]
