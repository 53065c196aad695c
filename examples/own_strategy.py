"""A custom strategy: a (1 + lambda) evolution strategy.

    PYTHONPATH=examples python -m gpt_nas_jax.main --flagfile=launch/digits.flags \
        --stage=search --workdir=runs/own_strategy \
        --search_strategy=own_strategy:OnePlusLambda --search_settings=edits=2

The class is a dataclass and a pytree. The search fills in its fields ``space`` and
``batch``; ``--search_settings`` sets the others. Its methods run under jit: they take
and return arrays.
"""

import flax.struct
import jax
import jax.numpy as jnp

from gpt_nas_jax import Candidates, Space


@flax.struct.dataclass
class Parent:
    """The best network so far.

    Attributes:
      genome: ``int32[L]``.
      fitness: ``float32``, ``-inf`` before anything is known.
    """

    genome: jax.Array
    fitness: jax.Array


@flax.struct.dataclass
class OnePlusLambda:
    """Proposes mutants of the best network, which stays if none is better.

    Attributes:
      space: of the genomes.
      batch: mutants per ask.
      edits: mutations of each.
    """

    space: Space = flax.struct.field(pytree_node=False)
    batch: int = flax.struct.field(pytree_node=False)
    edits: int = flax.struct.field(pytree_node=False, default=1)

    def init(self, key: jax.Array) -> Parent:
        return Parent(self.space.sample(key, 1)[0], jnp.float32(-jnp.inf))

    def ask(self, key: jax.Array, state: Parent) -> Candidates:
        def mutant(key: jax.Array) -> jax.Array:
            genome = state.genome
            for edit_key in jax.random.split(key, self.edits):
                genome = self.space.mutate(edit_key, genome)
            return genome

        genomes = jax.vmap(mutant)(jax.random.split(key, self.batch))
        return Candidates(genomes, jnp.ones(genomes.shape, bool))

    def tell(self, state: Parent, candidates: Candidates, fitness: jax.Array) -> Parent:
        best = jnp.argmax(fitness)
        better = fitness[best] >= state.fitness
        return Parent(
            jnp.where(better, candidates.genomes[best], state.genome),
            jnp.where(better, fitness[best], state.fitness),
        )
