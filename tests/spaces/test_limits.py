"""Spaces with cost limits."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prior_support import sample

from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.spaces import limits
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.spaces.contract import check_networks
from gpt_nas_jax.spaces.limits import Limit, limited
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.strategies.creation import create
from gpt_nas_jax.types import PAD, UsageError

WHOLE = BlockSpace((8, 8, 3), 10, min_depth=3, max_depth=6, width=16, num_stages=2)
LOW, HIGH = 1e6, 2e6
LIMIT = Limit("flops", LOW, HIGH)
BAND = limited(WHOLE, [LIMIT])


def test_draws_that_do_not_fit_at_once_are_within_the_limits_too(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(limits, "_DRAWN", 7 * BAND.oversampling)
    found = np.asarray(BAND.sample(jax.random.key(0), 64))
    assert found.shape == (64, WHOLE.length)
    assert within(found).all()
    assert len(np.unique(found, axis=0)) > 32


@functools.cache
def samples() -> np.ndarray:
    return np.asarray(sample(BAND, jax.random.key(0), 64))


def within(genomes: np.ndarray) -> np.ndarray:
    """Which genomes are within the limits, by building their networks."""
    costs = [cost(WHOLE.decode(genome), WHOLE.image).flops for genome in genomes]
    return (np.array(costs) >= LOW) & (np.array(costs) <= HIGH)


@pytest.mark.parametrize(
    ("space", "name"),
    [
        *[(WHOLE, name) for name in ("params", "flops", "memory")],
        *[(NasBench201Space((16, 16, 3), 10), name) for name in ("params", "flops")],
    ],
)
def test_costs_are_those_of_the_networks(space: NetworkSpace, name: str):
    genomes = np.asarray(sample(space, jax.random.key(1), 20))
    built = [getattr(cost(space.decode(g), space.image), name) for g in genomes]
    np.testing.assert_allclose(getattr(space, name)(genomes), built, rtol=1e-6)


def test_samples_lie_within_and_differ():
    assert within(samples()).all()
    assert len(np.unique(samples(), axis=0)) > 60


def test_a_single_sample_lies_within_for_every_key():
    # If only so many are drawn that four are expected within, one in about 50 fails.
    keys = jax.random.split(jax.random.key(0), 256)
    found = jax.jit(jax.vmap(lambda key: BAND.sample(key, 1)))(keys)
    assert BAND.valid(found).all()


def test_it_is_a_space_of_networks():
    check_networks("the band", BAND, BAND.image, BAND.num_classes)


_crossover, _mutate, _neighbour = (
    jax.jit(jax.vmap(vary)) for vary in (BAND.crossover, BAND.mutate, BAND.neighbour)
)


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_variation_stays_within(seed: int):
    genomes = samples()
    keys = jax.random.split(jax.random.key(seed), len(genomes))
    children = _crossover(keys, genomes, genomes[::-1])
    mutants = _mutate(keys, genomes)
    indices = jax.random.randint(keys[0], (len(keys),), 0, BAND.num_neighbours)
    neighbours, exist = _neighbour(jnp.asarray(genomes), indices)
    for genomes in (children, mutants, neighbours[exist]):
        assert BAND.valid(genomes).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["random", "genetic", "regularised_evolution", "local_search", "surrogate"]
)
def test_strategies_ask_for_nothing_outside(name: str):
    strategy = create(name, BAND, evaluations=40, population=10, batch=5)
    key = jax.random.key(3)
    state = strategy.init(key)
    ask, tell = jax.jit(strategy.ask), jax.jit(strategy.tell)
    for turn in range(4):
        candidates = ask(jax.random.fold_in(key, turn), state)
        assert within(np.asarray(candidates.genomes)).all()
        fitness = candidates.genomes.sum(-1).astype(jnp.float32)
        state = tell(state, candidates, fitness)


def test_without_bounds_it_is_the_space_itself():
    assert limited(WHOLE, [Limit("flops", 0, 0), Limit("params", 0, 0)]) is WHOLE


def test_several_limits_all_hold():
    limits = [LIMIT, Limit("params", 2e4, 8e4)]
    genomes = np.asarray(sample(limited(WHOLE, limits), jax.random.key(2), 16))
    params = [cost(WHOLE.decode(genome), WHOLE.image).params for genome in genomes]
    assert within(genomes).all()
    assert min(params) >= 2e4
    assert max(params) <= 8e4


def test_limits_that_no_network_meets_are_refused():
    with pytest.raises(
        UsageError,
        match=r"^--search_min_flops=1e\+12: no network.* the largest of",
    ):
        limited(WHOLE, [Limit("flops", 1e12, 0)])


@pytest.mark.parametrize("name", ["params", "flops", "memory"])
def test_a_limit_below_all_networks_is_refused_with_the_smallest(name: str):
    tiny = BlockSpace((8, 8, 3), 10, 2, 3, width=16, num_stages=2)
    genomes = [
        [*genes, *[PAD] * (3 - depth)]
        for depth in (2, 3)
        for genes in itertools.product(range(tiny.num_genes), repeat=depth)
    ]
    least = float(getattr(tiny, name)(jnp.array(genomes)).min())
    with pytest.raises(UsageError, match=f"the smallest network has {least:,.0f} "):
        limited(tiny, [Limit(name, 0, least - 1)])


def test_a_space_that_does_not_count_is_refused():
    with pytest.raises(UsageError, match="method flops; CategoricalSpace has none"):
        limited(CategoricalSpace((("a", "b"),)), [LIMIT])
