"""The statistics of benchmarks against independent computations."""

import fitness_noise
import numpy as np
import pytest
from hypervolume import hypervolume
from hypothesis import given
from hypothesis import strategies as st

SIDE = 12


@given(
    st.lists(
        st.tuples(st.integers(0, SIDE), st.integers(0, SIDE)), min_size=1, max_size=12
    ),
    st.integers(0, SIDE),
)
def test_a_hypervolume_is_the_number_of_dominated_cells(
    networks: list[tuple[int, int]], least: int
):
    accuracy, flops = np.array(networks, float).T
    # A cell of a unit grid is dominated if a network is as accurate as its upper edge
    # and costs no more than its left edge.
    dominated = sum(
        any(high >= upper and cost <= left for high, cost in networks)
        for upper in range(least + 1, SIDE + 1)
        for left in range(SIDE)
    )
    assert hypervolume(accuracy, flops, least, SIDE) == dominated


def test_the_share_of_the_network_is_that_of_its_variance():
    random = np.random.default_rng(0)
    networks = 0.9 + 0.04 * random.normal(size=(4000, 1))
    found = networks + 0.02 * random.normal(size=(4000, 5))
    name, mean, within, median, between, share = fitness_noise.row("linear", found)
    assert name == "linear"
    assert float(mean) == pytest.approx(0.9, abs=0.002)
    assert float(within) == pytest.approx(0.02, rel=0.03)
    assert float(between) == pytest.approx(0.04, rel=0.03)
    # 0.04 ** 2 / (0.04 ** 2 + 0.02 ** 2)
    assert float(share) == pytest.approx(0.8, abs=0.02)
    # The median of the square root of chi-squared with four degrees of freedom, / 2.
    assert float(median) == pytest.approx(0.02 * 0.916, rel=0.03)


def test_without_differences_between_networks_noise_has_the_whole_share():
    found = 0.9 + 0.02 * np.random.default_rng(1).normal(size=(4000, 5))
    assert float(fitness_noise.row("constant", found)[-1]) <= 0.02
