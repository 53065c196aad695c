"""The GPT: its shape, its causal mask, and the tokens that it may propose."""

from typing import Any

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from prior_support import drawn

from gpt_nas_jax.prior.gpt import GPT, next_layer_logits
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.vocabulary import NUM_SPECIAL

SIZE, WIDTH = 7, 8
MODEL = GPT(SIZE, WIDTH)
CONTEXTS = st.lists(st.integers(0, SIZE - 1), min_size=CONTEXT, max_size=CONTEXT).map(
    np.array
)


@pytest.fixture(scope="module")
def params() -> Any:
    # Larger than initial parameters, so that every token has an effect.
    tokens = np.zeros((1, CONTEXT), np.int32)
    return jax.tree.map(jnp.asarray, drawn(np.random.default_rng(0), MODEL, tokens))


@jax.jit
def logits(params: Any, tokens: jax.Array) -> jax.Array:
    return MODEL.apply({"params": params}, tokens)


@jax.jit
def next_logits(params: Any, contexts: jax.Array) -> jax.Array:
    return next_layer_logits(MODEL, params, contexts)


@hypothesis.given(
    context=CONTEXTS,
    position=st.integers(0, CONTEXT - 1),
    shift=st.integers(1, SIZE - 1),
)
def test_a_token_affects_only_its_own_and_later_predictions(
    params: Any, context: np.ndarray, position: int, shift: int
):
    changed = context.copy()
    changed[position] = (context[position] + shift) % SIZE
    before, after = np.asarray(logits(params, np.stack([context, changed])))
    np.testing.assert_array_equal(before[:position], after[:position])
    assert (abs(before - after).max(-1)[position:] > 1e-5).all()


def test_it_has_the_articles_four_layers_of_four_heads():
    shapes = jax.tree.map(
        jnp.shape,
        jax.eval_shape(MODEL.init, jax.random.key(0), np.zeros((1, 1), int))["params"],
    )
    attentions = [shapes[name] for name in shapes if "Attention" in name]
    assert len(attentions) == 4
    for attention in attentions:
        for part in ("query", "key", "value"):
            assert attention[part]["kernel"] == (WIDTH, 4, WIDTH // 4)
    assert shapes["positions"] == (10, WIDTH)


@pytest.mark.parametrize(("size", "width"), [(7, 8), (29, 128)])
def test_parameters_are_those_of_a_decoder_of_this_width(size: int, width: int):
    shapes = jax.eval_shape(
        GPT(size, width).init, jax.random.key(0), np.zeros((1, 10), int)
    )
    norm = 2 * width
    attention = 4 * (width * width + width)
    feed_forward = 2 * 4 * width * width + 4 * width + width
    layers = 4 * (attention + feed_forward + 2 * norm)
    read_in, read_out = size * width + 10 * width, norm + width * size + size
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert count == read_in + layers + read_out


@hypothesis.given(context=CONTEXTS, seed=st.integers(0, 99))
def test_special_tokens_are_never_proposed(params: Any, context: np.ndarray, seed: int):
    contexts = np.stack([context, context[::-1]])
    proposed = next_logits(params, contexts)
    assert (proposed[:, :NUM_SPECIAL] == -jnp.inf).all()
    np.testing.assert_allclose(
        proposed[:, NUM_SPECIAL:],
        logits(params, contexts)[:, -1, NUM_SPECIAL:],
        rtol=1e-4,
        atol=1e-5,
    )
    drawn = jax.random.categorical(jax.random.key(seed), proposed, shape=(50, 2))
    assert (drawn >= NUM_SPECIAL).all()


def test_a_short_context_stands_where_a_long_one_ends(params: Any):
    tokens = np.array([[2, 3, 4]])

    def without(positions: slice) -> np.ndarray:
        rest = params["positions"].at[positions].set(0)
        return np.asarray(logits(params | {"positions": rest}, tokens))

    expected = logits(params, tokens)
    np.testing.assert_array_equal(without(slice(0, -3)), expected)
    assert (abs(without(slice(-3, -2)) - expected).max(-1) > 1e-5).all()
