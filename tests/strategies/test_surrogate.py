"""What the surrogate chooses."""

import jax
import jax.numpy as jnp

import gpt_nas_jax as gnj
from gpt_nas_jax.strategies import history, surrogate


class Real(gnj.spaces.CategoricalSpace):
    """Genes, in hundreds, as features."""

    def features(self, genomes: jax.Array) -> jax.Array:
        return 100.0 * genomes


class Whole(Real):
    """The same features as integers, whose squares have more than eight bits."""

    def features(self, genomes: jax.Array) -> jax.Array:
        return (100 * genomes).astype(jnp.uint8)


def test_features_may_be_integers():
    def chosen(kind: type[Real]) -> list[int]:
        space = kind((("a", "b", "c"),) * 3)
        genomes = space.sample(jax.random.key(0), 24)
        fitness = jnp.sin(genomes.sum(-1))
        known = history.empty(space, 8).add(space, genomes[:8], fitness[:8])
        rows = jax.jit(surrogate.promising, static_argnums=(0, 3))
        return rows(space, known, genomes, 4).tolist()

    assert chosen(Whole) == chosen(Real)
