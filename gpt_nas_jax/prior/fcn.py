"""The FCN, which predicts a block from a proposed layer and its context."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.types import Tokens


class FCN(nn.Module):
    """Two hidden layers over the embeddings of context and proposed layer.

    The paper specifies only that the network is fully connected, and its inputs and
    outputs; the sizes are ours.

    Attributes:
      vocabulary_size: number of tokens.
      num_blocks: number of classes.
      embedding: width of a token's embedding.
      hidden: width of the hidden layers.
    """

    vocabulary_size: int
    num_blocks: int
    embedding: int = 16
    hidden: int = 128

    @nn.compact
    def __call__(self, context: Tokens, token: Tokens) -> jax.Array:
        """``int32[..., C]`` and ``int32[...]`` to ``[..., num_blocks]``."""
        tokens = jnp.concatenate([context, token[..., None]], axis=-1)
        x = nn.Embed(self.vocabulary_size, self.embedding)(tokens)
        x = x.reshape(*x.shape[:-2], -1)
        for _ in range(2):
            x = nn.relu(nn.Dense(self.hidden)(x))
        return nn.Dense(self.num_blocks)(x)
