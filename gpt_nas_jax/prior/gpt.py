"""The GPT: a decoder-only Transformer over layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.prior.corpus import CONTEXT
from gpt_nas_jax.prior.vocabulary import NUM_SPECIAL
from gpt_nas_jax.types import Tokens


class GPT(nn.Module):
    """Predicts the token behind each of up to ``context`` tokens.

    The paper (arXiv 2305.05351) gives 4 layers and 4 heads and no width. Pre-norm
    blocks as in GPT-2, without dropout.

    Attributes:
      vocabulary_size: number of tokens.
      width: of the embedding; the feed-forward part is four times as wide.
      num_layers: Transformer blocks.
      num_heads: of attention, a divisor of the width.
      context: most tokens read.
    """

    vocabulary_size: int
    width: int
    num_layers: int = 4
    num_heads: int = 4
    context: int = CONTEXT

    @nn.compact
    def __call__(self, tokens: Tokens) -> jax.Array:
        """``int32[B, L <= context]`` to logits ``[B, L, vocabulary_size]``."""
        length = tokens.shape[-1]
        positions = self.param(
            "positions", nn.initializers.normal(0.02), (self.context, self.width)
        )
        x = nn.Embed(self.vocabulary_size, self.width)(tokens)
        x = x + positions[-length:]
        mask = nn.make_causal_mask(tokens)
        for _ in range(self.num_layers):
            y = nn.LayerNorm()(x)
            x = x + nn.MultiHeadDotProductAttention(self.num_heads)(y, mask=mask)
            y = nn.Dense(4 * self.width)(nn.LayerNorm()(x))
            x = x + nn.Dense(self.width)(nn.gelu(y))
        return nn.Dense(self.vocabulary_size)(nn.LayerNorm()(x))


def next_layer_logits(model: GPT, params: dict, context: Tokens) -> jax.Array:
    """Logits ``[..., V]`` of the layer behind ``int32[..., CONTEXT]``.

    Special tokens get ``-inf``: only layers are proposed.
    """
    logits = model.apply({"params": params}, context)[..., -1, :]
    special = jnp.arange(model.vocabulary_size) < NUM_SPECIAL
    return jnp.where(special, -jnp.inf, logits)
