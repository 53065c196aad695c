"""Chains whose latency is the sum of block times from a table."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces import costs
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.blocks.timed import Timed, Times
from gpt_nas_jax.spaces.contract import check_networks
from gpt_nas_jax.spaces.limits import Limit, limited
from gpt_nas_jax.types import PAD, UsageError

SPACE = BlockSpace((8, 8, 3), 10, min_depth=2, max_depth=5, width=16, num_stages=2)
CALL = 0.5


@functools.cache
def timed(seed: int, largest: float = 3.0) -> Timed:
    """The space with random times."""
    random = np.random.default_rng(seed)
    *blocks, head = random.uniform(0, largest, len(SPACE.places())).tolist()
    return Timed(SPACE, Times(tuple(blocks), head, CALL))


def summed(space: Timed, genome: np.ndarray) -> float:
    """The latency, from the modules of the decoded network and their input sizes."""
    keys = [(module, size) for module, size in SPACE.places()]
    table = dict(zip(keys, (*space.times.blocks, space.times.head), strict=True))
    total, size = space.times.call, SPACE.image
    for module in SPACE.decode(genome).blocks:
        total += table[module, size]
        size = trace(module, size).out_size
    return total


@pytest.mark.parametrize("largest", [1e-3, 3.0, 5e4])
def test_latency_is_the_sum_over_the_modules_of_the_network(largest: float):
    space = timed(0, largest)
    genomes = np.asarray(SPACE.sample(jax.random.key(0), 24))
    expected = [summed(space, genome) for genome in genomes]
    np.testing.assert_allclose(space.latency(genomes), expected, rtol=1e-5)


@pytest.mark.slow
@given(st.integers(0, 2**16))
def test_sums_are_the_same_in_every_program(seed: int):
    space = timed(seed % 4)
    genomes = SPACE.sample(jax.random.key(seed), 8)
    found = _latency(space, genomes)
    np.testing.assert_array_equal(found, space.latency(genomes))
    # Not even the order of blocks matters if their times are the same at every place.
    alike = Timed(BlockSpace((8, 8, 16), 10, 1, 9, 16, 1), _alike(space))
    row = jax.random.permutation(jax.random.key(seed), SPACE.num_genes)[:9]
    orders = jnp.stack([row, row[::-1], jnp.roll(row, 4)])
    assert len(np.unique(alike.latency(orders))) == 1


@functools.partial(jax.jit, static_argnums=0)
def _latency(space: Timed, genomes: jax.Array) -> jax.Array:
    return jax.vmap(space.latency)(genomes)


def _alike(space: Timed) -> Times:
    """Times of one stage, the same for its first block as for the others."""
    return Times(2 * space.times.blocks[: SPACE.num_genes], 0.1, CALL)


def test_it_is_a_space_of_networks():
    space = timed(1)
    check_networks("the timed space", space, space.image, space.num_classes)


@pytest.mark.slow
def test_a_limit_of_latency_holds_for_what_is_asked():
    space = timed(2)
    middle = float(np.median(space.latency(SPACE.sample(jax.random.key(1), 200))))
    band = limited(space, [Limit("latency", 0, middle)])
    genomes = np.asarray(band.sample(jax.random.key(2), 32))
    assert max(summed(space, genome) for genome in genomes) <= middle


def test_a_limit_below_all_networks_is_refused_with_the_smallest():
    tiny = BlockSpace((8, 8, 3), 10, 2, 3, width=16, num_stages=2)
    times = np.random.default_rng(4).uniform(0.2, 1, len(tiny.places())).tolist()
    space = Timed(tiny, Times(tuple(times[:-1]), times[-1], CALL))
    genomes = [
        [*genes, *[PAD] * (3 - depth)]
        for depth in (2, 3)
        for genes in itertools.product(range(tiny.num_genes), repeat=depth)
    ]
    least = float(space.latency(jnp.array(genomes)).min())
    shown = costs.text("latency", least)
    assert least <= float(shown) < 1.001 * least
    with pytest.raises(
        UsageError, match=f"the smallest network has {shown} ms of latency, the median"
    ):
        limited(space, [Limit("latency", 0, 0.999 * least)])
