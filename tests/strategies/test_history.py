"""The evaluations that strategies remember."""

import jax
import jax.numpy as jnp
import pytest

import gpt_nas_jax as gnj

SPACE = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 3)


def test_more_evaluations_than_a_strategy_was_created_for_are_refused():
    strategy = gnj.strategies.create("random", SPACE, 2, batch=2)
    state = strategy.init(jax.random.key(0))
    genomes = jnp.zeros((2, SPACE.length), jnp.int32)
    candidates = gnj.Candidates(genomes, jnp.ones(genomes.shape, bool))
    state = strategy.tell(state, candidates, jnp.zeros(2))
    with pytest.raises(gnj.UsageError, match="for 2 evaluations and is told of 4; "):
        strategy.tell(state, candidates, jnp.zeros(2))
