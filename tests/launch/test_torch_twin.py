"""The PyTorch network in the speed comparison is the same network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES, candidate
from gpt_nas_jax.training import whole

torch = pytest.importorskip("torch", reason="needs pip install torch==2.13.0")
twins = pytest.importorskip("torch_twin")


def test_every_block_puts_out_what_its_twin_does() -> None:
    chain = candidate(BLOCK_NAMES, width=16, num_stages=2, num_classes=10)
    recipe, key = RetrainRecipe(epochs=1, batch=4), jax.random.key(0)
    state = whole.start(chain, recipe, 1, (8, 8, 3), key)
    twin = twins.TorchTwin(chain, (8, 8, 3), state.variables())
    counts = (sum(leaf.size for leaf in jax.tree.leaves(state.params)),)
    assert counts == (sum(leaf.numel() for leaf in twin.parameters()),)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    ours, _ = jax.jit(
        lambda variables, x: chain.apply(variables, x, True, mutable=["batch_stats"])
    )(state.variables(), jnp.asarray(x))
    with torch.no_grad():
        theirs = twin.train()(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-2, atol=1e-3)
