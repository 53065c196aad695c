"""Properties of every strategy on every space."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from prior_support import drawn

from gpt_nas_jax.prior import conditional
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.strategies.genetic import Genetic
from gpt_nas_jax.strategies.gpt_nas_online import GptNasOnline
from gpt_nas_jax.strategies.jitted import jit_by_class
from gpt_nas_jax.strategies.local_search import LocalSearch
from gpt_nas_jax.strategies.random_search import RandomSearch
from gpt_nas_jax.strategies.regularised import RegularisedEvolution
from gpt_nas_jax.strategies.surrogate import Surrogate
from gpt_nas_jax.types import Key, Space, Strategy

SPACES = {
    "blocks": BlockSpace((8, 8, 1), 10, 4, 6, width=16, num_stages=2),
    "nasbench101": NasBench101Space(),
    "nasbench201": NasBench201Space(),
}
BATCH, ROUNDS, SEEDS = 4, 5, 3
QUERIES = BATCH * ROUNDS


def _online(space: Space) -> GptNasOnline:
    tokens = jnp.zeros((1, space.length), jnp.int32)
    params = drawn(np.random.default_rng(0), conditional.model(space), tokens)
    return GptNasOnline(
        space, BATCH, QUERIES, params, pool=16, edits=16, elites=4, steps=2
    )


STRATEGIES = {
    "random": lambda space: RandomSearch(space, BATCH, QUERIES),
    "regularised_evolution": lambda space: RegularisedEvolution(
        space, BATCH, QUERIES, population=8, sample=3, repeats=False
    ),
    "local_search": lambda space: LocalSearch(space, BATCH, QUERIES),
    "genetic": lambda space: Genetic(space, BATCH, QUERIES, 0.9, 0.3),
    "surrogate": lambda space: Surrogate(
        space, BATCH, QUERIES, initial=8, pool=32, elites=4
    ),
    "gpt_nas_online": _online,
}


def fitness_of(space: Space, genomes: jax.Array) -> jax.Array:
    """A fitness without training that fails for some networks."""
    values = jnp.sin(space.features(genomes).sum(-1))
    return jnp.where(values < -0.9, -jnp.inf, values)


@functools.partial(jit_by_class, static_argnums=(1,))
def search(strategy: Strategy, space: Space, keys: Key) -> jax.Array:
    """All genomes asked in parallel searches, ``[S, rounds, batch, L]``."""

    def one(key: Key) -> jax.Array:
        init_key, key = jax.random.split(key)

        def step(state, key):
            candidates = strategy.ask(key, state)
            fitness = fitness_of(space, candidates.genomes)
            return strategy.tell(state, candidates, fitness), candidates.genomes

        keys = jax.random.split(key, ROUNDS)
        return jax.lax.scan(step, strategy.init(init_key), keys)[1]

    return jax.vmap(one)(keys)


# Most take 10 to 20 s to compile; the genetic algorithm has tests of its own on chains.
_LONG = {
    ("genetic", "blocks"),
    ("local_search", "nasbench201"),
    ("gpt_nas_online", "blocks"),
    ("gpt_nas_online", "nasbench101"),
    ("random", "nasbench101"),
    ("local_search", "nasbench101"),
    ("regularised_evolution", "nasbench101"),
    ("surrogate", "nasbench101"),
    ("surrogate", "nasbench201"),
}

_SLOW = {
    ("genetic", "nasbench101"),
    ("surrogate", "blocks"),
}


def _marks(name: str, space_name: str) -> list[pytest.MarkDecorator]:
    if (name, space_name) in _LONG:
        return [pytest.mark.long]
    slow = name == "gpt_nas_online" or (name, space_name) in _SLOW
    return [pytest.mark.slow] if slow else []


@pytest.mark.parametrize(
    ("name", "space_name"),
    [
        pytest.param(*pair, marks=_marks(*pair))
        for pair in itertools.product(STRATEGIES, SPACES)
    ],
)
def test_every_strategy_works_on_every_space(name: str, space_name: str):
    space = SPACES[space_name]
    keys = jax.random.split(jax.random.key(0), SEEDS)
    asked = search(STRATEGIES[name](space), space, keys)
    assert asked.shape == (SEEDS, ROUNDS, BATCH, space.length)
    assert asked.dtype == np.int32
    assert space.valid(asked).all()
    identity = np.asarray(space.identity(asked)).reshape(SEEDS, QUERIES, -1)
    assert len(np.unique(identity[:, :BATCH], axis=0)) == SEEDS
    # Almost nothing is evaluated twice.
    for search_identity in identity:
        assert len(np.unique(search_identity, axis=0)) >= QUERIES - 2
