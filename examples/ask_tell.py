"""A search by hand: ask a strategy, evaluate, tell it.

    python examples/ask_tell.py

Searches NAS-Bench-201's space in seconds with a fitness that needs no training: the
number of edges with a 3x3 convolution or a skip connection.
"""

import jax
import jax.numpy as jnp

import gpt_nas_jax as gnj

GENERATIONS, BATCH = 10, 4


def fitness_of(names: tuple[str, ...]) -> float:
    """Replace by your own: train the network, look it up, or call another program."""
    return names.count("nor_conv_3x3") + 0.5 * names.count("skip_connect")


def main() -> tuple[str, ...]:
    """Prints and returns the operations of the best cell found."""
    space = gnj.spaces.NasBench201Space()
    strategy = gnj.strategies.create(
        "regularised_evolution",
        space,
        evaluations=GENERATIONS * BATCH,
        batch=BATCH,
        population=8,
    )
    init_key, ask_key = jax.random.split(jax.random.key(0))
    state, best = strategy.init(init_key), (-1.0, ())
    ask, tell = jax.jit(strategy.ask), jax.jit(strategy.tell)
    for generation in range(GENERATIONS):
        candidates = ask(jax.random.fold_in(ask_key, generation), state)
        cells = [space.names(genome) for genome in candidates.genomes]
        fitness = [fitness_of(cell) for cell in cells]
        state = tell(state, candidates, jnp.array(fitness))
        best = max(best, *zip(fitness, cells, strict=True))
    print(f"fitness {best[0]:g}: {' '.join(best[1])}")
    return best[1]


if __name__ == "__main__":
    main()
