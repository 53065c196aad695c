"""The GPT that learns during the search, when it has little to propose."""

import jax
import jax.numpy as jnp
import pytest

from gpt_nas_jax.prior import conditional
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.strategies.gpt_nas_online import GptNasOnline

_ROUNDS, _BATCH = 12, 4


@pytest.mark.slow
def test_a_search_goes_on_in_small_steps_where_the_gpt_proposes_next_to_nothing():
    space = NasBench201Space()
    tokens = jnp.zeros((1, space.length), jnp.int32)
    params = jax.jit(conditional.model(space).init)(jax.random.key(0), tokens)["params"]
    strategy = GptNasOnline(
        space, _BATCH, _ROUNDS * _BATCH, params, pool=2, edits=64, steps=1
    )
    target = space.sample(jax.random.key(1), 1)[0]

    @jax.jit
    def search(key: jax.Array) -> jax.Array:
        init_key, key = jax.random.split(key)

        def step(state, key):
            candidates = strategy.ask(key, state)
            equal = (candidates.genomes == target).sum(-1).astype(jnp.float32)
            return strategy.tell(state, candidates, equal), equal

        keys = jax.random.split(key, _ROUNDS)
        return jax.lax.scan(step, strategy.init(init_key), keys)[1]

    # The target is one of 15,625 cells; the search asks 48.
    assert search(jax.random.key(2)).max() == space.length
