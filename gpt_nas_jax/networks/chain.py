"""A network as a chain of blocks."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.networks.blocks import AvgPool


class Head(nn.Module):
    """Global average pooling, optional dropout, and the classifier."""

    num_classes: int
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """``[B, H, W, C]`` to logits ``float32[B, num_classes]``."""
        x = AvgPool(kernel=None, padding=(0, 0, 0, 0))(x, train)
        x = x.reshape(x.shape[0], -1)
        if self.dropout:
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        # In bfloat16, the logits of many classes would be equal.
        return nn.Dense(self.num_classes)(x.astype(jnp.float32))


class Chain(nn.Module):
    """Modules called in sequence, each as ``module(x, train)``.

    The networks of the zoo and the candidates of a search are chains, so that one
    trainer, one tracer and one cost model serve both.

    Raises:
      ValueError: the same module instance occurs twice. Linen would share its
        parameters; equal blocks must be separate instances.
    """

    blocks: tuple[nn.Module, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len({id(block) for block in self.blocks}) < len(self.blocks):
            raise ValueError("a module is at two places of a chain: build it twice")

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """Images ``[B, H, W, C]`` to logits ``[B, num_classes]``."""
        for block in self.blocks:
            x = block(x, train)
        return x
