"""Searches whose evaluations a model predicts, with the noise of a training."""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax.evaluation.chain_model import ChainModel
from gpt_nas_jax.types import Genome, Key, Space

_TRAINING = 1


@flax.struct.dataclass
class PredictedTable:
    """A `tabular.Table` of chains: a model's accuracy and a training's noise.

    Within one search, a chain has the same noise in every query.

    Attributes:
      model: predicts the mean accuracy.
      noise: ``float32``, standard deviation of a training's accuracy over keys.
    """

    model: ChainModel
    noise: jax.Array

    def answer(
        self, space: Space, key: Key, genomes: Genome
    ) -> tuple[jax.Array, jax.Array]:
        """See `tabular.Table`; keeps fitness and mean accuracy, ``[P, 2]``."""
        mean = self.model.predict(genomes)
        training_key = jax.random.fold_in(key, _TRAINING)
        draws = jax.vmap(lambda genome: _drawn(training_key, genome))(genomes)
        fitness = mean + self.noise * draws
        kept = jnp.stack([fitness, mean], -1)
        valid = space.valid(genomes)
        return (
            jnp.where(valid, fitness, -jnp.inf),
            jnp.where(valid[:, None], kept, -jnp.inf),
        )


def _drawn(key: Key, genome: Genome) -> jax.Array:
    """A standard normal number that belongs to a key and a genome."""
    for gene in genome:
        key = jax.random.fold_in(key, gene)
    return jax.random.normal(key)
