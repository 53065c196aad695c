"""The GPT that is conditioned on the quality of a network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.prior import conditional
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.types import PAD

SPACE = NasBench201Space()
COUNT = 200
CHAINS = BlockSpace((8, 8, 1), 10, 4, 6, width=16, num_stages=2)


compiled_generate = jax.jit(conditional.generate, static_argnums=0)


@pytest.fixture(scope="module")
def params():
    return conditional.pretrained(SPACE, jax.random.key(0))


@pytest.fixture(scope="module")
def untrained():
    tokens = jnp.zeros((1, SPACE.length), jnp.int32)
    return jax.jit(conditional.model(SPACE).init)(jax.random.key(0), tokens)["params"]


def generate(space, params, genomes, kept):
    key = jax.random.key(1)
    return np.asarray(compiled_generate(space, params, key, genomes, kept))


def test_levels_are_shares_of_the_best():
    values = jnp.arange(20.0)
    known = jnp.arange(20) >= 10
    levels = np.asarray(conditional.levels(values, known))[10:]
    assert levels.tolist() == [3, 3, 3, 3, 2, 2, 2, 1, 1, 0]


@pytest.mark.slow
def test_before_a_search_the_best_level_is_the_largest(params):
    genomes = jnp.zeros((500, 6), jnp.int32)
    written = generate(SPACE, params, genomes, jnp.zeros((500, 6), bool))
    everything = np.asarray(SPACE.size(SPACE.sample(jax.random.key(2), 5000)))
    sizes = np.asarray(SPACE.size(written))
    assert SPACE.valid(written).all()
    # The best level is the largest tenth of all networks, here with some tolerance.
    assert (sizes >= np.quantile(everything, 0.85)).mean() > 0.8


def test_kept_genes_stay(untrained):
    genomes = SPACE.sample(jax.random.key(3), COUNT)
    kept = jax.random.bernoulli(jax.random.key(4), 0.5, genomes.shape)
    written = generate(SPACE, untrained, genomes, kept)
    np.testing.assert_array_equal(written[kept], np.asarray(genomes)[kept])
    assert (written != genomes).any()


@pytest.mark.slow
def test_what_is_written_is_as_likely_as_the_model_says(params):
    # One gene is missing; those before it are read from the cache.
    count, place = 4000, 4
    genome = jnp.array([3, 1, 0, 2, 4, 3])
    genomes = jnp.tile(genome, (count, 1))
    kept = jnp.arange(6) != place
    written = generate(SPACE, params, genomes, jnp.tile(kept, (count, 1)))
    tokens = conditional.encode(SPACE, genomes[:1], jnp.int32(0))
    logits = conditional.model(SPACE).apply({"params": params}, tokens[:, :-1])
    wanted = jax.nn.softmax(logits[0, place, : SPACE.num_genes])
    shares = np.bincount(written[:, place], minlength=5) / count
    np.testing.assert_allclose(shares, wanted, atol=0.03)


def test_updates_teach_what_the_best_level_is(untrained):
    # All good genomes end with pooling, all bad ones with `none`.
    genomes = SPACE.sample(jax.random.key(5), COUNT)
    half = COUNT // 2
    genomes = genomes.at[:half, 5].set(4).at[half:, 5].set(0)
    level = jnp.where(jnp.arange(COUNT) < half, 0, 3)
    tokens = conditional.encode(SPACE, genomes, level)
    step = jax.jit(conditional.update, static_argnums=0)
    params, optimizer = untrained, conditional.OPTIMIZER.init(untrained)
    for _ in range(60):
        params, optimizer = step(SPACE, params, optimizer, tokens)
    nothing = jnp.zeros(genomes.shape, bool)
    written = generate(SPACE, params, genomes, nothing)
    assert (written[:, 5] == 4).mean() > 0.9


def test_chains_end_once_and_are_deep_enough():
    tokens = jnp.zeros((1, CHAINS.length), jnp.int32)
    params = jax.jit(conditional.model(CHAINS).init)(jax.random.key(0), tokens)[
        "params"
    ]
    genomes = CHAINS.sample(jax.random.key(1), 300)
    written = generate(CHAINS, params, genomes, jnp.zeros(genomes.shape, bool))
    assert CHAINS.valid(written).all()
    depths = (written != PAD).sum(-1)
    assert set(depths.tolist()) == {4, 5, 6}
