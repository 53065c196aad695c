"""Searches with 64-bit types turned on."""

from collections.abc import Iterator

import jax
import pytest
from search_support import SPACE, evaluate

import gpt_nas_jax as gnj
from gpt_nas_jax.spaces import contract
from gpt_nas_jax.strategies.contract import asked


@pytest.fixture(autouse=True)
def in_64_bits() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def test_a_search_with_64_bits_evaluates_all_candidates():
    assert len(gnj.search(SPACE, evaluate, "random", evaluations=10)) == 10


@pytest.mark.parametrize(
    "name", ["genetic", "regularised_evolution", "local_search", "surrogate"]
)
def test_states_keep_their_types(name: str):
    assert asked(name, gnj.strategies.create(name, SPACE, 20), SPACE) <= 20


def test_cells_are_identified_by_32_bits_and_searched():
    space = gnj.spaces.NasBench101Space()
    contract.check("the space", space)
    strategy = gnj.strategies.create("local_search", space, 20)
    assert asked("local_search", strategy, space) <= 20
