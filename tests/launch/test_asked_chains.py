"""The chains that strategies query, which chainbench trains."""

import flax.struct
import jax
import numpy as np
import pytest

from gpt_nas_jax.config import SearchConfig
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.types import Genome, Key, Space

chainbench = pytest.importorskip("chainbench.asked")
SPACE = NasBench201Space()


@flax.struct.dataclass
class Counting:
    """Fitness is the number of genes that are operation 3."""

    def answer(
        self, space: Space, key: Key, genomes: Genome
    ) -> tuple[jax.Array, jax.Array]:
        fitness = (genomes == 3).sum(-1).astype(np.float32)
        return fitness, fitness


def test_each_search_gives_its_best_and_other_queries():
    config = SearchConfig(queries=20, seeds=2, batch=5)
    names = ("random", "regularised_evolution")
    found = np.stack(
        [*chainbench.chains(config, SPACE, Counting(), jax.random.key(0), names)]
    )
    assert found.shape == (2 * 2 * 8, SPACE.length)
    assert np.asarray(SPACE.valid(found)).all()
    for part in found.reshape(-1, 8, SPACE.length):
        counts = (part == 3).sum(-1)
        assert counts[:4].min() >= counts[4:].max()
        assert len(np.unique(part, axis=0)) == 8
