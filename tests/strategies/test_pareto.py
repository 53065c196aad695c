"""Ranks and crowding of NSGA-II against pymoo and the definition."""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from gpt_nas_jax.evaluation import tabular
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.strategies import pareto
from gpt_nas_jax.strategies.creation import create
from gpt_nas_jax.types import Genome, Key, Space

SPACE = NasBench201Space((32, 32, 3), 10)

SLOW = pytest.mark.slow

standing = jax.jit(pareto.standing, static_argnums=(0, 1))
_ranks, _crowding = jax.jit(pareto.ranks), jax.jit(pareto.crowding)
_NONE = np.zeros(24, np.float32)


def random_values(seed: int, objectives: int) -> np.ndarray:
    """Values that often tie in one objective and sometimes in all."""
    random = np.random.default_rng(seed)
    return random.integers(0, 12, (24, objectives)).astype(np.float32)


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
    # Without ties: of tied rows pymoo keeps only one.
    values = np.random.default_rng(seed).normal(size=(24, objectives))
    values = values.astype(np.float32)
    rank = np.asarray(_ranks(values, _NONE))
    found = np.asarray(_crowding(values, rank))
    for number in range(rank.max() + 1):
        rows = np.flatnonzero(rank == number)
        if len(rows) < 3:
            assert np.isposinf(found[rows]).all()
            continue
        # pymoo divides by the number of objectives.
        due = calc_crowding_distance(-values[rows]) * objectives
        np.testing.assert_allclose(found[rows], due, rtol=1e-4)


@given(seed=st.integers(0, 10**6))
def test_feasible_networks_dominate_infeasible_ones(seed: int):
    random = np.random.default_rng(seed)
    values = random.normal(size=(24, 2)).astype(np.float32)
    violation = np.maximum(random.normal(size=24), 0).astype(np.float32)
    rank = np.asarray(_ranks(values, violation))
    feasible = violation == 0
    if feasible.any() and not feasible.all():
        assert rank[feasible].max() < rank[~feasible].min()
    # Among infeasible ones, the smallest violation comes first.
    order = np.argsort(violation[~feasible])
    assert (np.diff(rank[~feasible][order]) > 0).all()


def test_standing_puts_failures_last_and_is_fitness_without_costs():
    genomes = SPACE.sample(jax.random.key(0), 6)
    fitness = jnp.array([0.5, -jnp.inf, 0.7, 0.1, 0.9, -jnp.inf])
    assert pareto.standing(SPACE, (), genomes, fitness) is fitness
    found = np.asarray(standing(SPACE, ("flops",), genomes, fitness))
    assert np.isneginf(found[[1, 5]]).all()
    assert np.isfinite(found[[0, 2, 3, 4]]).all()
    assert len(np.unique(found[[0, 2, 3, 4]])) == 4


def hypervolume(accuracy: np.ndarray, flops: np.ndarray, most: float) -> float:
    """The dominated area up to ``most`` operations, as a mean accuracy."""
    budgets = np.linspace(0, most, 400)
    best = [accuracy[flops <= budget].max(initial=0.0) for budget in budgets]
    return float(np.mean(best))


@flax.struct.dataclass
class Additive:
    """Accuracy is a sum of one value for each edge and its operation."""

    def answer(
        self, space: Space, key: Key, genomes: Genome
    ) -> tuple[jax.Array, jax.Array]:
        shape = space.length, space.num_genes
        worth = 0.05 * jax.random.normal(jax.random.key(7), shape)
        found = worth[jnp.arange(space.length), genomes].sum(-1)
        return 0.3 + found, genomes


def volumes(strategy: str, objectives: tuple[str, ...]) -> list[float]:
    """The hypervolumes of eight searches of 80 networks each."""
    table, keys = Additive(), jax.random.split(jax.random.key(0), 8)
    made = create(strategy, SPACE, 80, batch=10, population=10, objectives=objectives)
    asked = tabular.searches(made, SPACE, table, keys, 8)
    accuracy, flops = table.answer(SPACE, keys, asked)[0], SPACE.flops(asked)
    pairs = zip(np.asarray(accuracy), np.asarray(flops), strict=True)
    return [hypervolume(a, f, 4.5e8) for a, f in pairs]


@pytest.mark.parametrize(
    "strategy",
    [
        "genetic",
        *(pytest.param(n, marks=SLOW) for n in ("surrogate", "gpt_nas_online")),
    ],
)
def test_a_search_for_a_front_finds_a_better_one_than_chance(strategy: str):
    both = ("accuracy", "flops")
    assert np.mean(volumes(strategy, both)) > np.mean(volumes("random", both)) + 0.03
