"""The loss of mixed and of weighted labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.networks.blocks import Conv
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.loss import cross_entropy
from gpt_nas_jax.training.recipe import update_of
from gpt_nas_jax.training.targets import Targets, targets

KEY = jax.random.key(5)
LABELS = np.array([0, 4, 2, 2, 1, 3], np.int32)
PARTNER = np.array([5, 0, 1, 3, 4, 2], np.int32)
WEIGHTS = np.array([0.5, 2, 1, 0.1, 3], np.float32)
loss_of = jax.jit(cross_entropy, static_argnums=2)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([0.0, 0.1]), st.floats(0, 1, width=32), st.integers(0, 99))
def test_the_loss_is_that_of_soft_labels(
    smoothing: float, share: float, seed: int
) -> None:
    logits = np.random.default_rng(seed).normal(size=(6, 5)).astype(np.float32)
    of = targets(jnp.asarray(LABELS), (PARTNER, jnp.float32(share)), WEIGHTS)
    # In NumPy: each of an image's two labels is smoothed, and weighted by its share
    # and its class.
    logarithms = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = 0
    for labels, part in ((LABELS, share), (LABELS[PARTNER], 1 - share)):
        soft = (1 - smoothing) * np.eye(5)[labels] + smoothing / 5
        expected -= part * WEIGHTS[labels] * (soft * logarithms).sum(1)
    found = loss_of(logits, of, smoothing)
    assert float(found) == pytest.approx(expected.mean(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_one_label_of_weight_1_is_that_label(smoothing: float) -> None:
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(6, 5)))
    alone = Targets(LABELS[:, None], np.ones((6, 1), np.float32))
    expected = loss_of(logits, LABELS, smoothing)
    assert float(loss_of(logits, alone, smoothing)) == pytest.approx(
        float(expected), rel=1e-6
    )


def test_nothing_asked_for_leaves_labels_as_they_are() -> None:
    labels = jnp.asarray(LABELS)
    assert targets(labels, None, None) is labels


def test_microbatches_of_targets_come_to_the_whole_batch() -> None:
    chain = Chain((Conv(8), Head(5)))
    random = np.random.default_rng(0)
    x = jnp.asarray(random.normal(size=(12, 4, 4, 1)).astype(np.float32))
    labels = np.concatenate([LABELS, LABELS])
    partner = np.concatenate([PARTNER, PARTNER + 6])
    of = targets(jnp.asarray(labels), (partner, jnp.float32(0.3)), WEIGHTS)
    found = []
    for parts in (1, 3):
        recipe = RetrainRecipe(learning_rate=0.1, warmup_epochs=0, accumulate=parts)
        state = whole.start(chain, recipe, 1, (4, 4, 1), KEY)
        state, loss = whole.step(chain, update_of(recipe, 1), state, x, of)
        found.append((state.params, loss))
    for one, other in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
