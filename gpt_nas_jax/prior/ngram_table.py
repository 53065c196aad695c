"""An n-gram model as arrays, for use under jit."""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax import sorted_rows
from gpt_nas_jax.prior.ngram import FACTORS, Counts, NGram
from gpt_nas_jax.types import Tokens


@flax.struct.dataclass
class CountTable:
    """`ngram.Counts` on the device.

    Attributes:
      codes: ``uint32[N, 2]``, ascending, the halves of the codes.
      counts: ``float32[N]``.
    """

    codes: jax.Array
    counts: jax.Array

    def of(self, codes: jax.Array) -> jax.Array:
        """The count of each of ``uint32[..., 2]``; 0 for unseen ones."""
        place = sorted_rows.find(self.codes, codes)
        return jnp.where(place >= 0, self.counts[place], 0.0)


@flax.struct.dataclass
class LevelTable:
    """`ngram.Level` on the device."""

    grams: CountTable
    contexts: CountTable
    followers: CountTable


@flax.struct.dataclass
class NGramTable:
    """`ngram.NGram` on the device."""

    vocabulary_size: int = flax.struct.field(pytree_node=False)
    levels: tuple[LevelTable, ...]

    def probabilities(self, contexts: Tokens) -> jax.Array:
        """Of every token after ``int32[..., C]``, ``float32[..., V]``."""
        shape = (*contexts.shape[:-1], self.vocabulary_size)
        result = jnp.full(shape, 1.0 / self.vocabulary_size)
        last = _products(jnp.arange(self.vocabulary_size), FACTORS[0])
        for length, level in enumerate(self.levels):
            tokens = contexts[..., contexts.shape[-1] - length :]
            factors = FACTORS[1 : length + 1][::-1]
            context = _products(tokens, factors).sum(-2, dtype=jnp.uint32)
            seen = level.contexts.of(context)[..., None]
            followers = level.followers.of(context)[..., None]
            total = jnp.where(seen > 0, seen + followers, 1.0)
            grams = level.grams.of(context[..., None, :] + last)
            mixed = (grams + followers * result) / total
            result = jnp.where(seen > 0, mixed, result)
        return result


def table_of(model: NGram) -> NGramTable:
    """Converts a model to arrays."""
    return NGramTable(
        model.vocabulary_size,
        tuple(
            LevelTable(
                _table(level.grams), _table(level.contexts), _table(level.followers)
            )
            for level in model.levels
        ),
    )


def _table(counts: Counts) -> CountTable:
    halves = np.stack([counts.codes >> np.uint64(32), counts.codes], -1)
    return CountTable(
        jnp.asarray(halves.astype(np.uint32)), jnp.asarray(counts.counts, jnp.float32)
    )


def _products(tokens: Tokens, factors: np.ndarray) -> jax.Array:
    """The terms of each token in the two halves of a code, ``uint32[..., 2]``."""
    return (tokens[..., None].astype(jnp.uint32) + 1) * jnp.asarray(factors, jnp.uint32)
