"""Selection: who wins, and how often."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.strategies import operators

SPACE = CategoricalSpace((tuple("abcdefghij"),) * 2)


@functools.partial(jax.jit, static_argnums=1)
@functools.partial(jax.vmap, in_axes=(0, None))
def winners(key, fitness):
    return operators.tournament(key, jnp.array(fitness))


@pytest.mark.parametrize(
    "fitness",
    [
        (0.1, 0.4, 0.2, 0.3),
        (-np.inf, 0.5, 0.0),
        (0.7, -np.inf),
        (-0.3, -0.1, -0.2),
    ],
)
def test_the_better_of_every_pair_wins(fitness: tuple[float, ...]):
    keys = jax.random.split(jax.random.key(0), 20_000)
    wins = np.bincount(winners(keys, fitness), minlength=len(fitness))
    pairs = [(a, b) for a in range(len(fitness)) for b in range(len(fitness))]
    better = [max(pair, key=lambda index: fitness[index]) for pair in pairs]
    expected = np.bincount(better, minlength=len(fitness)) / len(pairs)
    np.testing.assert_allclose(wins / len(keys), expected, atol=0.015)


def test_a_tournament_of_failures_has_a_winner():
    keys = jax.random.split(jax.random.key(0), 500)
    assert set(winners(keys, (-np.inf,) * 3).tolist()) == {0, 1, 2}


@hypothesis.given(data=st.data())
def test_best_keeps_the_first_of_a_stable_order_without_repeats(data: st.DataObject):
    values = st.sampled_from([-np.inf, -1.0, 0.0, 0.25, 0.5, 1.0])
    fitness = np.array(data.draw(st.lists(values, min_size=6, max_size=6)), np.float32)
    genes = np.array(data.draw(st.lists(st.integers(0, 9), min_size=6, max_size=6)))
    genomes = np.stack([genes, genes], 1).astype(np.int32)
    order = sorted(range(6), key=lambda index: -fitness[index])
    first = [i for n, i in enumerate(order) if genes[i] not in genes[order[:n]]]
    rows, again = operators.best(SPACE, genomes, fitness, 4)
    kept, kept_fitness = genomes[rows], np.where(again, -np.inf, fitness[rows])
    best = [index for index in first if fitness[index] > -np.inf][:4]
    np.testing.assert_array_equal(kept[: len(best)], genomes[best])
    np.testing.assert_array_equal(kept_fitness[: len(best)], fitness[best])
    assert np.isneginf(kept_fitness[len(best) :]).all()
