"""The GPT: a decoder-only Transformer over layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.vocabulary import NUM_SPECIAL
from gpt_nas_jax.types import Tokens


class GPT(nn.Module):
    """Predicts the token after each of up to ``context`` tokens.

    The paper (arXiv 2305.05351) specifies 4 layers and 4 heads, but no width. Pre-norm
    blocks as in GPT-2, without dropout.

    Attributes:
      vocabulary_size: number of tokens.
      width: of the embedding; the feed-forward layer is four times as wide.
      num_layers: number of Transformer blocks.
      num_heads: number of attention heads, a divisor of the width.
      context: maximum number of tokens.
      decode: read one token per call and keep the earlier ones in the collection
        ``cache``, which `init` allocates for as many tokens as it is given.
    """

    vocabulary_size: int
    width: int
    num_layers: int = 4
    num_heads: int = 4
    context: int = CONTEXT
    decode: bool = False

    @nn.compact
    def __call__(self, tokens: Tokens, position: jax.Array | int = 0) -> jax.Array:
        """``int32[B, L <= context]`` to logits ``[B, L, vocabulary_size]``.

        With ``decode``, ``position`` is the number of earlier tokens; without, the last
        token is at the last position.
        """
        length = tokens.shape[-1]
        positions = self.param(
            "positions", nn.initializers.normal(0.02), (self.context, self.width)
        )
        x = nn.Embed(self.vocabulary_size, self.width)(tokens)
        if self.decode:
            x = x + jax.lax.dynamic_slice_in_dim(positions, position, length)
        else:
            x = x + positions[-length:]
        mask = None if self.decode else nn.make_causal_mask(tokens)
        for _ in range(self.num_layers):
            y = nn.LayerNorm()(x)
            attention = nn.MultiHeadDotProductAttention(
                self.num_heads, decode=self.decode
            )
            x = x + attention(y, mask=mask)
            y = nn.Dense(4 * self.width)(nn.LayerNorm()(x))
            x = x + nn.Dense(self.width)(nn.gelu(y))
        return nn.Dense(self.vocabulary_size)(nn.LayerNorm()(x))


def next_layer_logits(model: GPT, params: dict, context: Tokens) -> jax.Array:
    """Logits ``[..., V]`` of the layer after ``int32[..., C]``, see `only_layers`."""
    return only_layers(model.apply({"params": params}, context)[..., -1, :])


def only_layers(logits: jax.Array) -> jax.Array:
    """Logits ``[..., V]`` with ``-inf`` for special tokens."""
    special = jnp.arange(logits.shape[-1]) < NUM_SPECIAL
    return jnp.where(special, -jnp.inf, logits)
