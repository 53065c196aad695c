"""A GPT over the genes of a space, conditioned on how good the network is.

Decision transformers condition on a return in the same way (arXiv 2106.01345); here it
is the quantile level of a network among the known ones.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.types import PAD, Genome, Key, Space, Tokens

SHARES = (0.1, 0.3, 0.6, 1.0)
"""Upper bounds of the levels, from level 0 on, as fractions of the ranked networks."""

OPTIMIZER = optax.adam(3e-3)
_WIDTH, _LAYERS, _HEADS = 32, 2, 2
_EXAMPLES, _PRETRAIN_STEPS, _PRETRAIN_BATCH = 4096, 500, 128


def model(space: Space, decode: bool = False) -> GPT:
    """A small GPT for the genomes of a space; ``decode`` as in `GPT`."""
    size = space.num_genes + 1 + len(SHARES)
    return GPT(size, _WIDTH, _LAYERS, _HEADS, space.length, decode)


def levels(values: jax.Array, known: jax.Array) -> jax.Array:
    """Level of each of ``[N]`` values among the known ones, ``int32[N]``.

    Failures, which are ``-inf``, always get the last level.
    """
    better = ((values[None] > values[:, None]) & known).sum(-1)
    share = better / jnp.maximum(known.sum(), 1)
    level = jnp.searchsorted(jnp.array(SHARES), share, side="right")
    return jnp.where(jnp.isfinite(values), level, len(SHARES) - 1).astype(jnp.int32)


def encode(space: Space, genomes: Genome, level: jax.Array) -> Tokens:
    """Prepends levels ``[N]`` to genomes ``[N, L]``, as tokens ``[N, L + 1]``."""
    genes = jnp.where(genomes == PAD, space.num_genes, genomes)
    first = jnp.broadcast_to(space.num_genes + 1 + level, genomes.shape[:1])
    return jnp.concatenate([first[:, None], genes], -1)


def update(
    space: Space, params: Any, optimizer: Any, tokens: Tokens
) -> tuple[Any, Any]:
    """One step of Adam on ``[N, L + 1]``; returns new parameters and its new state."""

    def loss(params: Any) -> jax.Array:
        logits = model(space).apply({"params": params}, tokens[:, :-1])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:])
        # After the end token there is nothing to learn.
        counts = tokens[:, :-1] != space.num_genes
        return (losses * counts).sum() / counts.sum()

    changes, optimizer = OPTIMIZER.update(jax.grad(loss)(params), optimizer, params)
    return optax.apply_updates(params, changes), optimizer


def generate(
    space: Space, params: Any, key: Key, genomes: Genome, kept: jax.Array
) -> Genome:
    """Samples networks of the best level, gene by gene.

    Args:
      space: of the genomes.
      params: of `model`.
      key: for sampling.
      genomes: ``int32[N, L]``.
      kept: ``bool[N, L]``, genes that stay.

    Returns:
      ``int32[N, L]``; some may be invalid in the space.
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
    """Parameters pretrained on random networks, with `Space.size` as the quality.

    Size is not the fitness, but a good first guess.
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
