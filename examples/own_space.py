"""A custom space with a table of accuracies, searched by every strategy.

    python examples/own_space.py

Takes about three minutes on 2 CPU cores, most of them for the prior of gpt_nas.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

import gpt_nas_jax as gnj

OPERATIONS = ("skip", "conv1x1", "conv3x3", "maxpool")
EVALUATIONS = 60


class Chains(gnj.spaces.CategoricalSpace):
    """Chains of six operations.

    Two methods guide strategies: `size` estimates the quality, and `layers` gives the
    layers of a choice, so that the prior of gpt_nas can propose it.
    """

    def size(self, genomes: jax.Array) -> jax.Array:
        weights = jnp.array([0.0, 1.0, 9.0, 0.0])
        return weights[genomes].sum(-1)

    def layers(self, name: str) -> Sequence[object]:
        modules = {
            "conv1x1": gnj.blocks.ConvNormActivation(16, 1),
            "conv3x3": gnj.blocks.ConvNormActivation(16, 3),
            "maxpool": gnj.blocks.MaxPool(),
        }
        return gnj.layers_of(modules[name], (8, 8, 16)) if name in modules else ()


def table(space: Chains) -> np.ndarray:
    """Made-up accuracies of all 4**6 networks; in practice, read a file."""
    random = np.random.default_rng(0)
    places = random.uniform(0, 1, (space.length, space.num_genes))
    pairs = random.uniform(0, 1, (space.num_genes, space.num_genes))
    genomes = np.indices((space.num_genes,) * space.length).reshape(space.length, -1)
    score = places[np.arange(space.length)[:, None], genomes].sum(0)
    score += pairs[genomes[:-1], genomes[1:]].sum(0)
    return (score / score.max()).reshape((space.num_genes,) * space.length)


def main(prior_settings: gnj.PriorConfig | None = None) -> dict[str, float]:
    """Prints and returns the accuracy that each strategy finds."""
    space = Chains((OPERATIONS,) * 6)
    accuracies = table(space)
    # For the paper's strategy and its controls; the others need none.
    prior = gnj.learn_prior(space, prior_settings)
    found = {}
    for name in gnj.strategies.STRATEGIES:
        strategy = gnj.strategies.create(name, space, EVALUATIONS, prior=prior)
        result = gnj.search(
            space, lambda genome: accuracies[tuple(genome)], strategy, EVALUATIONS
        )
        found[name] = result.best.fitness
        print(
            f"{name}: {result.best.fitness:.4f} of 1, {space.names(result.best.genome)}"
        )
    return found


if __name__ == "__main__":
    main()
