"""The evaluations that strategies remember."""

import jax
import jax.numpy as jnp
import pytest

import gpt_nas_jax as gnj

SPACE = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 3)


def test_more_evaluations_than_a_strategy_was_created_for_are_refused():
    strategy = gnj.strategies.create("random", SPACE, 4, batch=2)
    state = strategy.init(jax.random.key(0))
    genomes = SPACE.sample(jax.random.key(1), 2)
    candidates = gnj.Candidates(genomes, jnp.ones(genomes.shape, bool))
    for _ in range(2):
        state = strategy.tell(state, candidates, jnp.zeros(2))
    with pytest.raises(gnj.UsageError, match="for 4 evaluations and is told of 6; "):
        strategy.tell(state, candidates, jnp.zeros(2))
