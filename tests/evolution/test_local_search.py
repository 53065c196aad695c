"""Local search: what it does next, step by step."""

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.evolution.local_search import LocalSearch
from gpt_nas_jax.spaces.nasbench201 import NasBench201Space

SPACE = NasBench201Space()
STRATEGY = LocalSearch(SPACE, 1, 80)


def distance(first: np.ndarray, second: np.ndarray) -> int:
    return int((first != second).sum())


@jax.jit
def searched(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """All that was asked, with the number of convolutions 3x3 as fitness."""

    def step(state, key):
        candidates = STRATEGY.ask(key, state)
        fitness = (candidates.genomes == 3).sum(-1).astype(jnp.float32)
        state = STRATEGY.tell(state, candidates, fitness)
        return state, (candidates.genomes[0], state.genome)

    init_key, key = jax.random.split(key)
    keys = jax.random.split(key, 80)
    return jax.lax.scan(step, STRATEGY.init(init_key), keys)[1]


def test_it_climbs_by_neighbours_and_begins_anew_at_the_top():
    asked, places = map(np.asarray, searched(jax.random.key(0)))
    fitness = (asked == 3).sum(-1)
    place, restarts = asked[0], 0
    at_top = False
    for step in range(1, len(asked)):
        np.testing.assert_array_equal(places[step - 1], place)
        near = distance(asked[step], place) == 1
        if not near:
            # Only where every neighbour is known and none is better.
            assert at_top
            restarts += 1
            place = asked[step]
        elif fitness[step] > (place == 3).sum():
            place = asked[step]
        known = {tuple(genome) for genome in asked[: step + 1].tolist()}
        # On from there over better neighbours that are known already.
        place = places[step]
        neighbours = [
            tuple(np.where(np.arange(6) == edge, gene, place).tolist())
            for edge in range(6)
            for gene in range(5)
            if gene != place[edge]
        ]
        at_top = all(neighbour in known for neighbour in neighbours)
    assert (fitness == 6).any()
    assert restarts >= 1
    assert len({tuple(genome) for genome in asked.tolist()}) == len(asked)
