"""A GPT over the genes of a space, told first how good the network is.

Decision transformers condition on a return in the same way (arXiv 2106.01345); here it
is the level of a network among those known.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.types import PAD, Genome, Key, Space, Tokens

SHARES = (0.1, 0.3, 0.6, 1.0)
"""A level holds the networks up to this share of the best, from level 0 on."""

OPTIMIZER = optax.adam(3e-3)
_WIDTH, _LAYERS, _HEADS = 32, 2, 2
_EXAMPLES, _PRETRAIN_STEPS, _PRETRAIN_BATCH = 4096, 500, 128


def model(space: Space, decode: bool = False) -> GPT:
    """A small GPT for the genomes of a space; ``decode`` as of `GPT`."""
    size = space.num_genes + 1 + len(SHARES)
    return GPT(size, _WIDTH, _LAYERS, _HEADS, space.length, decode)


def levels(values: jax.Array, known: jax.Array) -> jax.Array:
    """Level of each of ``[N]`` values among the known ones, ``int32[N]``.

    What failed, with ``-inf``, is of the last level whatever the others are.
    """
    better = ((values[None] > values[:, None]) & known).sum(-1)
    share = better / jnp.maximum(known.sum(), 1)
    level = jnp.searchsorted(jnp.array(SHARES), share, side="right")
    return jnp.where(jnp.isfinite(values), level, len(SHARES) - 1).astype(jnp.int32)


def encode(space: Space, genomes: Genome, level: jax.Array) -> Tokens:
    """Levels ``[N]`` in front of genomes ``[N, L]``, as tokens ``[N, L + 1]``."""
    genes = jnp.where(genomes == PAD, space.num_genes, genomes)
    first = jnp.broadcast_to(space.num_genes + 1 + level, genomes.shape[:1])
    return jnp.concatenate([first[:, None], genes], -1)


def update(
    space: Space, params: Any, optimizer: Any, tokens: Tokens
) -> tuple[Any, Any]:
    """One step of Adam on sequences ``[N, L + 1]``; new parameters and its state."""

    def loss(params: Any) -> jax.Array:
        logits = model(space).apply({"params": params}, tokens[:, :-1])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:])
        # What follows the end is known.
        counts = tokens[:, :-1] != space.num_genes
        return (losses * counts).sum() / counts.sum()

    changes, optimizer = OPTIMIZER.update(jax.grad(loss)(params), optimizer, params)
    return optax.apply_updates(params, changes), optimizer


def generate(
    space: Space, params: Any, key: Key, genomes: Genome, kept: jax.Array
) -> Genome:
    """Networks for the best level, gene after gene.

    Args:
      space: of the genomes.
      params: of `model`.
      key: decides what is drawn.
      genomes: ``int32[N, L]``.
      kept: ``bool[N, L]``, genes that stay.

    Returns:
      ``int32[N, L]``; a space may refuse some.
    """
    choices, writer = space.choices(), model(space, decode=True)

    def step(position: jax.Array, carry: tuple[Tokens, Any]) -> tuple[Tokens, Any]:
        tokens, cache = carry
        logits, changed = writer.apply(
            {"params": params, "cache": cache},
            jax.lax.dynamic_slice_in_dim(tokens, position, 1, 1),
            position,
            mutable="cache",
        )
        allowed = choices[position]
        logits = jnp.where(allowed, logits[:, 0, : len(allowed)], -jnp.inf)
        drawn = jax.random.categorical(jax.random.fold_in(key, position), logits)
        here = jnp.where(kept[:, position], tokens[:, position + 1], drawn)
        return tokens.at[:, position + 1].set(here), changed["cache"]

    tokens = encode(space, genomes, jnp.int32(0))
    shapes = jax.eval_shape(writer.init, key, tokens[:, :-1])["cache"]
    cache = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    tokens, _ = jax.lax.fori_loop(0, space.length, step, (tokens, cache))
    genes = tokens[:, 1:]
    ended = jnp.cumsum(genes == space.num_genes, -1) > 0
    return jnp.where(ended, PAD, genes)


@functools.partial(jax.jit, static_argnames="space")
def pretrained(space: Space, key: Key) -> Any:
    """Parameters that know the space, with size for quality.

    Learned from random networks: what is large is no label, but a good first guess.
    """
    sample_key, init_key, batch_key = jax.random.split(key, 3)
    genomes = space.sample(sample_key, _EXAMPLES)
    everything = jnp.ones(_EXAMPLES, bool)
    tokens = encode(space, genomes, levels(space.size(genomes), everything))
    params = model(space).init(init_key, tokens[:1, :-1])["params"]

    def step(carry: tuple[Any, Any], key: Key) -> tuple[tuple[Any, Any], None]:
        rows = jax.random.randint(key, (_PRETRAIN_BATCH,), 0, _EXAMPLES)
        return update(space, *carry, tokens[rows]), None

    keys = jax.random.split(batch_key, _PRETRAIN_STEPS)
    (params, _), _ = jax.lax.scan(step, (params, OPTIMIZER.init(params)), keys)
    return params
