"""Accuracy of chains of blocks, predicted by an ensemble of Gaussian processes."""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.products import product
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.types import PAD, Genome

MEMBERS: tuple[dict[str, float], ...] = (
    {"placed": 4, "counts": 4, "ends": 4, "sizes": 4},
    {"placed": 5, "staged": 5, "lasts": 5, "pairs": 12, "sizes": 4},
    {"placed": 4, "pairs": 8, "sizes": 4},
)
"""Length scales of each member, by the group of features; see `features`."""

_NOISE = 0.1
"""Variance of one training's noise, in units of the variance between chains."""


@flax.struct.dataclass
class ChainModel:
    """The mean of Gaussian processes that see a chain in different ways.

    Attributes:
      space: of the chains.
      points: ``float32[N, F]`` for each member, N chains of known accuracies.
      weights: ``float32[M, N]``, of each chain in each member.
      mean: ``float32``, of the known accuracies.
    """

    space: BlockSpace = flax.struct.field(pytree_node=False)
    points: tuple[jax.Array, ...]
    weights: jax.Array
    mean: jax.Array

    def predict(self, genomes: Genome) -> jax.Array:
        """Accuracies in [0, 1] of ``int32[P, L]`` valid chains, ``float32[P]``."""
        parts = [
            product(_kernel(asked, known), weights)
            for asked, known, weights in zip(
                points(self.space, genomes), self.points, self.weights, strict=True
            )
        ]
        return self.mean + sum(parts) / len(MEMBERS)


def points(space: BlockSpace, genomes: Genome) -> tuple[jax.Array, ...]:
    """Inputs of each member for ``int32[..., L]`` chains, ``[..., F]`` each."""
    groups = features(space, genomes)
    return tuple(
        jnp.concatenate([groups[name] / scale for name, scale in scales.items()], -1)
        for scales in MEMBERS
    )


def features(space: BlockSpace, genomes: Genome) -> dict[str, jax.Array]:
    """Groups of features of ``int32[..., L]`` chains, ``[..., F]`` each.

    ``placed`` counts blocks by stage and by whether they are its first, ``staged`` by
    stage, ``counts`` at all, ``pairs`` neighbours; ``ends`` tells the first and the
    last block, ``lasts`` the last of each stage; ``sizes`` are the depth and logarithms
    of parameters and operations, of the whole and of each stage.
    """
    stage, first = (jnp.asarray(part) for part in space.stages())
    depth = (genomes != PAD).sum(-1)
    stages, firsts = stage[depth], first[depth]
    # A block is the last of its stage where the next one is the first of another.
    position = jnp.arange(space.length)
    ending = position == depth[..., None] - 1
    next_first = jnp.concatenate(
        [firsts[..., 1:], jnp.zeros_like(firsts[..., :1])], -1
    ).astype(bool)
    lasts = ending | (next_first & (genomes != PAD))
    blocks = jax.nn.one_hot(genomes, space.num_genes)
    by_stage = jax.nn.one_hot(stages, space.num_stages)
    by_first = jax.nn.one_hot(firsts, 2)

    def flat(array: jax.Array, axes: int) -> jax.Array:
        return array.reshape(*array.shape[:-axes], -1)

    placed = jnp.einsum("...lb,...ls,...lf->...sfb", blocks, by_stage, by_first)
    staged = placed.sum(-2)
    pairs = jnp.einsum("...lb,...lc->...bc", blocks[..., :-1, :], blocks[..., 1:, :])
    last = (blocks * ending[..., None]).sum(-2)
    ends_of_stages = jnp.einsum(
        "...lb,...ls,...l->...sb", blocks, by_stage, lasts.astype(blocks.dtype)
    )
    return {
        "placed": flat(placed, 3),
        "staged": flat(staged, 2),
        "counts": staged.sum(-2),
        "pairs": flat(pairs, 2),
        "ends": jnp.concatenate([blocks[..., 0, :], last], -1),
        "lasts": flat(ends_of_stages, 2),
        "sizes": _sizes(space, genomes, depth, by_stage),
    }


def _sizes(
    space: BlockSpace, genomes: Genome, depth: jax.Array, by_stage: jax.Array
) -> jax.Array:
    operations = space.flops_by_block(genomes)
    return jnp.concatenate(
        [
            depth[..., None] / 2.0,
            jnp.log(space.flops(genomes))[..., None],
            jnp.log1p(space.size(genomes))[..., None],
            jnp.log1p(jnp.einsum("...l,...ls->...s", operations, by_stage)),
        ],
        -1,
    )


def _kernel(rows: jax.Array, columns: jax.Array) -> jax.Array:
    """The squared-exponential kernel of ``[P, F]`` and ``[N, F]``, ``[P, N]``."""
    products = product(rows, columns.T)
    squares = (rows**2).sum(-1)[:, None] + (columns**2).sum(-1) - 2 * products
    return jnp.exp(-jnp.maximum(squares, 0) / 2)


def fit(
    space: BlockSpace,
    genomes: np.ndarray,
    accuracies: np.ndarray,
    trainings: np.ndarray,
) -> ChainModel:
    """The model of known accuracies.

    Args:
      space: of the chains.
      genomes: ``int32[N, L]``, distinct.
      accuracies: ``float64[N]``, in [0, 1], means over trainings.
      trainings: ``int64[N]``, how many of them each is the mean of.
    """
    mean = accuracies.mean()
    noise = np.diag(_NOISE / trainings)
    known = jax.jit(points, static_argnums=0)(space, genomes)
    weights = [
        np.linalg.solve(
            np.asarray(_kernel(part, part), np.float64) + noise, accuracies - mean
        )
        for part in known
    ]
    return of_weights(space, genomes, np.stack(weights), mean)


def of_weights(
    space: BlockSpace, genomes: np.ndarray, weights: np.ndarray, mean: float
) -> ChainModel:
    """The model of these weights ``[M, N]``, as `fit` found them."""
    known = jax.jit(points, static_argnums=0)(space, genomes)
    return ChainModel(space, known, jnp.float32(weights), jnp.float32(mean))


@jax.jit
def predict(model: ChainModel, genomes: Genome) -> jax.Array:
    """`ChainModel.predict`, jitted."""
    return model.predict(genomes)
