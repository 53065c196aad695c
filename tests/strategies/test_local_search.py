"""Local search, checked step by step."""

import jax
import jax.numpy as jnp

from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.strategies.local_search import LocalSearch

SPACE = NasBench201Space()
STRATEGY = LocalSearch(SPACE, 1, 80)


@jax.jit
def searched(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Asked and current genomes; the fitness is the number of 3x3 convolutions."""

    def step(state, key):
        candidates = STRATEGY.ask(key, state)
        fitness = (candidates.genomes == 3).sum(-1).astype(jnp.float32)
        state = STRATEGY.tell(state, candidates, fitness)
        return state, (candidates.genomes[0], state.genome)

    init_key, key = jax.random.split(key)
    keys = jax.random.split(key, 80)
    return jax.lax.scan(step, STRATEGY.init(init_key), keys)[1]


def near(genome: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [
        (*genome[:edge], gene, *genome[edge + 1 :])
        for edge in range(6)
        for gene in range(5)
        if gene != genome[edge]
    ]


def test_it_climbs_through_neighbours_and_restarts_at_the_top():
    asked, places = ([*map(tuple, row.tolist())] for row in searched(jax.random.key(0)))
    assert places[0] == asked[0]
    restarts = 0
    for step in range(1, len(asked)):
        known, place = set(asked[:step]), places[step - 1]
        if any(neighbour not in known for neighbour in near(place)):
            assert asked[step] in near(place)
            better = asked[step].count(3) > place.count(3)
            moved = asked[step] if better else place
        else:
            restarts += 1
            moved = asked[step]
        # It then moves on through better neighbours that are already known.
        while places[step] != moved:
            better = [
                neighbour
                for neighbour in near(moved)
                if neighbour in known and neighbour.count(3) > moved.count(3)
            ]
            assert better
            moved = places[step] if places[step] in better else better[0]
    assert max(genome.count(3) for genome in asked) == 6
    assert restarts >= 1
    assert len(set(asked)) == len(asked)
