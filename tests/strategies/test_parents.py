"""Candidates name the evaluations they were made from."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.strategies.creation import create
from gpt_nas_jax.strategies.genetic import Genetic

SPACE = CategoricalSpace((("a", "b", "c", "d"),) * 6)
EVALUATIONS = 40


def search(strategy: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """All genomes, their parents, and the number asked at a time."""

    @jax.jit
    def step(state: Any, key: jax.Array) -> tuple[Any, Any]:
        candidates = strategy.ask(key, state)
        fitness = candidates.genomes.sum(-1).astype(jnp.float32)
        told = strategy.tell(state, candidates, fitness)
        return told, (candidates.genomes, candidates.parents)

    init_key, key = jax.random.split(jax.random.key(0))
    state, asked = strategy.init(init_key), []
    for turn in range(EVALUATIONS):
        state, found = step(state, jax.random.fold_in(key, turn))
        asked.append(found)
        if len(asked) * len(found[0]) >= EVALUATIONS:
            break
    genomes, parents = (np.concatenate(part) for part in zip(*asked, strict=True))
    return genomes, parents, len(found[0])


@pytest.mark.parametrize(
    ("name", "edits"),
    [
        ("regularised_evolution", 1),
        ("local_search", 1),
        pytest.param("surrogate", 3, marks=pytest.mark.slow),
    ],
)
def test_a_candidate_is_few_edits_from_its_parent(name: str, edits: int):
    strategy = create(name, SPACE, EVALUATIONS, batch=4, population=8)
    genomes, parents, size = search(strategy)
    made = np.flatnonzero((parents >= 0).any(-1))
    assert len(made) > 5
    for number in made:
        parent = int(parents[number].max())
        assert parent < number // size * size
        assert (genomes[number] != genomes[parent]).sum() <= edits


def test_crossed_children_have_each_gene_from_a_parent():
    strategy = Genetic(SPACE, 8, EVALUATIONS, crossover_rate=1.0, mutation_rate=0.0)
    genomes, parents, size = search(strategy)
    assert (parents[:size] == -1).all()
    assert (parents[size:, 0] >= 0).all()
    assert (parents[size:, 1] >= 0).any()
    explained = 0
    for number in range(size, EVALUATIONS):
        pair = [parent for parent in parents[number] if parent >= 0]
        assert max(pair) < number // size * size
        # Mutants follow the children; a mutant has at most one gene from neither
        # parent.
        missing = (genomes[number] != genomes[pair]).all(0).sum()
        assert missing <= 1
        explained += missing == 0
    assert explained > 10


def test_random_candidates_have_no_parents():
    _, parents, _ = search(create("random", SPACE, EVALUATIONS, batch=4))
    assert (parents == -1).all()
