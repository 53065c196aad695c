"""The choices of the surrogate."""

import jax
import jax.numpy as jnp
import pytest

import gpt_nas_jax as gnj
from gpt_nas_jax.strategies import history, surrogate


class Real(gnj.spaces.CategoricalSpace):
    """Multiples of genes as features."""

    def features(self, genomes: jax.Array) -> jax.Array:
        return 16.0 * genomes


class Whole(Real):
    """The same features as integers, whose squares overflow."""

    def features(self, genomes: jax.Array) -> jax.Array:
        return (16 * genomes).astype(jnp.uint8)


@pytest.mark.slow
def test_features_may_be_integers():
    def chosen(kind: type[Real]) -> list[int]:
        space = kind((("a", "b", "c"),) * 3)
        genomes = space.sample(jax.random.key(0), 24)
        fitness = jnp.sin(3.0 * genomes @ jnp.arange(3.0))
        known = history.empty(space, 8).add(space, genomes[:8], fitness[:8])
        rows = jax.jit(surrogate.promising, static_argnums=(0, 3))
        return rows(space, known, genomes, 4).tolist()

    assert chosen(Whole) == chosen(Real)
