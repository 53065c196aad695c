"""Ranks and crowding of NSGA-II, against pymoo and against the definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.strategies import pareto
from gpt_nas_jax.strategies.creation import create

SPACE = NasBench201Space((32, 32, 3), 10)

_ranks, _crowding = jax.jit(pareto.ranks), jax.jit(pareto.crowding)
_NONE = np.zeros(24, np.float32)


def random_values(seed: int, objectives: int) -> np.ndarray:
    """Numbers that often coincide in one objective and never in all."""
    random = np.random.default_rng(seed)
    values = random.integers(0, 12, (24, objectives)).astype(np.float32)
    return values + np.arange(24)[::-1, None].astype(np.float32) / 64 * (seed % 2)


@pytest.mark.parametrize("objectives", [2, 3])
@given(seed=st.integers(0, 10**6))
def test_fronts_are_those_of_pymoo(objectives: int, seed: int):
    values = random_values(seed, objectives)
    found = np.asarray(_ranks(values, _NONE))
    for number, front in enumerate(NonDominatedSorting().do(-values)):
        assert set(np.flatnonzero(found == number)) == {*front.tolist()}


@pytest.mark.parametrize("objectives", [2, 3])
@given(seed=st.integers(0, 10**6))
def test_crowding_is_that_of_pymoo(objectives: int, seed: int):
    # Without ties, in which pymoo leaves out all but one.
    values = np.random.default_rng(seed).normal(size=(24, objectives))
    values = values.astype(np.float32)
    rank = np.asarray(_ranks(values, _NONE))
    found = np.asarray(_crowding(values, rank))
    for number in range(rank.max() + 1):
        rows = np.flatnonzero(rank == number)
        if len(rows) < 3:
            assert np.isposinf(found[rows]).all()
            continue
        # pymoo divides by how many objectives there are.
        due = calc_crowding_distance(-values[rows]) * objectives
        np.testing.assert_allclose(found[rows], due, rtol=1e-4)


@given(seed=st.integers(0, 10**6))
def test_what_keeps_the_limits_dominates_what_does_not(seed: int):
    random = np.random.default_rng(seed)
    values = random.normal(size=(24, 2)).astype(np.float32)
    violation = np.maximum(random.normal(size=24), 0).astype(np.float32)
    rank = np.asarray(_ranks(values, violation))
    feasible = violation == 0
    if feasible.any() and not feasible.all():
        assert rank[feasible].max() < rank[~feasible].min()
    # Among the others the least violation comes first.
    order = np.argsort(violation[~feasible])
    assert (np.diff(rank[~feasible][order]) > 0).all()


def test_standing_puts_failures_last_and_is_fitness_without_costs():
    genomes = SPACE.sample(jax.random.key(0), 6)
    fitness = jnp.array([0.5, -jnp.inf, 0.7, 0.1, 0.9, -jnp.inf])
    assert pareto.standing(SPACE, (), genomes, fitness) is fitness
    found = np.asarray(pareto.standing(SPACE, ("flops",), genomes, fitness))
    assert np.isneginf(found[[1, 5]]).all()
    assert np.isfinite(found[[0, 2, 3, 4]]).all()
    assert len(np.unique(found[[0, 2, 3, 4]])) == 4


def hypervolume(accuracy: np.ndarray, flops: np.ndarray, most: float) -> float:
    """The area above accuracy 0 and below ``most`` operations that is dominated."""
    budgets = np.linspace(0, most, 400)
    best = [accuracy[flops <= budget].max(initial=0.0) for budget in budgets]
    return float(np.mean(best))


@pytest.mark.parametrize("strategy", ["genetic", "surrogate", "gpt_nas_online"])
def test_a_search_for_a_front_finds_a_better_one(strategy: str):
    def accuracy(genomes: jax.Array) -> jax.Array:
        """Rewards the paths that convolutions make, with diminishing returns."""
        return 1 - jnp.exp(-SPACE.size(genomes) / 12) + 0.02 * (genomes[..., 2] == 1)

    def front(objectives: tuple[str, ...], seed: int) -> float:
        made = create(
            strategy, SPACE, 60, batch=10, population=10, objectives=objectives
        )
        ask, tell = jax.jit(made.ask), jax.jit(made.tell)
        state, asked = made.init(jax.random.key(seed)), []
        for turn in range(6):
            candidates = ask(jax.random.key(100 * seed + turn), state)
            asked.append(candidates.genomes)
            state = tell(state, candidates, accuracy(candidates.genomes))
        genomes = jnp.concatenate(asked)
        flops = np.asarray(SPACE.flops(genomes))
        return hypervolume(np.asarray(accuracy(genomes)), flops, 4.5e8)

    gains = [
        front(("accuracy", "flops"), seed) - front(("accuracy",), seed)
        for seed in range(3)
    ]
    assert np.mean(gains) > 0
