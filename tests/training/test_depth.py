"""Stochastic depth against the definition in its paper."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.networks.blocks import BasicBlock, Conv
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.operations import Shortcut
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.training import pmapped, whole
from gpt_nas_jax.training.depth import stochastic_depth
from gpt_nas_jax.training.recipe import update_of

KEY = jax.random.key(5)
BLOCKS = 4
SIZE = (1, 1, BLOCKS)
LAST = 0.8


class Marks(nn.Module):
    """A residual block whose branch is 1 in its own channel and 0 in the others."""

    channel: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        own = jnp.arange(x.shape[-1]) == self.channel
        return Shortcut()(x, jnp.broadcast_to(own, x.shape).astype(x.dtype))


CHAIN = Chain(tuple(Marks(channel) for channel in range(BLOCKS)))


@jax.jit
def marked(key: jax.Array) -> jax.Array:
    """``[4096, BLOCKS]``: what each block adds to each image."""
    x = jnp.zeros((4096, *SIZE))
    with stochastic_depth(CHAIN, SIZE, LAST):
        return CHAIN.apply({}, x, True, rngs={"dropout": key})[:, 0, 0]


def test_blocks_are_skipped_by_the_linear_rule_and_scaled_by_what_is_left() -> None:
    added = np.asarray(marked(KEY))
    for block in range(BLOCKS):
        skipped = LAST * (block + 1) / BLOCKS
        kinds = np.unique(added[:, block])
        np.testing.assert_allclose(kinds, [0, 1 / (1 - skipped)], rtol=1e-6)
        spread = np.sqrt(skipped * (1 - skipped) / len(added))
        assert abs((added[:, block] == 0).mean() - skipped) < 5 * spread
        # So the mean is what the full network adds.
        assert abs(added[:, block].mean() - 1) < 5 * spread / (1 - skipped)


def test_images_and_blocks_are_skipped_on_their_own_and_anew_with_each_key() -> None:
    there = np.asarray(marked(KEY)) > 0
    together = np.corrcoef(there.T) - np.eye(BLOCKS)
    assert np.abs(together).max() < 5 / np.sqrt(len(there))
    np.testing.assert_array_equal(np.asarray(marked(KEY)) > 0, there)
    assert not np.array_equal(np.asarray(marked(jax.random.key(6))) > 0, there)


def test_a_network_is_tested_whole() -> None:
    x = jnp.zeros((2, *SIZE))
    np.testing.assert_array_equal(whole.infer(CHAIN, {"params": {}}, x), x + 1)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("ResNet-18", 8), ("ResNet-50", 16), ("EfficientNet-B0", 9), ("GoogLeNet", 0)],
)
def test_residual_blocks_of_human_networks_are_counted(name: str, blocks: int) -> None:
    size = (32, 32, 3)
    assert trace(ZOO[name].build(10, size), size).shortcuts == blocks


def stepped(
    chain: Chain, rate: float, step: whole.Step = whole.step
) -> tuple[list[np.ndarray], float]:
    recipe = RetrainRecipe(learning_rate=0.1, warmup_epochs=0, drop_path=rate)
    state = whole.start(chain, recipe, 1, (4, 4, 1), KEY)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 4, 4, 1)), jnp.float32)
    state, loss = step(chain, update_of(recipe, 1), state, x, jnp.arange(8))
    return [*map(np.asarray, jax.tree.leaves(state.params))], float(loss)


@pytest.mark.slow
@pytest.mark.parametrize("block", [BasicBlock(4), Conv(4)])
def test_residual_blocks_alone_are_skipped_in_training(block: nn.Module) -> None:
    chain, is_residual = Chain((block, Head(8))), isinstance(block, BasicBlock)
    (plain, loss), (other, found) = (stepped(chain, rate) for rate in (0.0, 0.5))
    assert (loss != found) is is_residual
    assert all(np.isfinite(leaf).all() for leaf in other)
    same = [np.array_equal(a, b) for a, b in zip(plain, other, strict=True)]
    assert all(same) is not is_residual


@pytest.mark.slow
def test_residual_blocks_are_skipped_under_pmap() -> None:
    chain = Chain((BasicBlock(4), Head(8)))
    (_, plain), (params, loss) = (
        stepped(chain, rate, pmapped.step) for rate in (0.0, 0.5)
    )
    assert loss != plain
    assert all(np.isfinite(leaf).all() for leaf in params)
