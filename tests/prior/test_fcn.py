"""The inputs and outputs of the FCN."""

import jax
import numpy as np

from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.tokens.corpus import CONTEXT

MODEL = FCN(vocabulary_size=5, num_blocks=3, embedding=4, hidden=8)


def test_every_layer_of_the_context_and_the_proposed_one_matter():
    contexts = np.zeros((CONTEXT + 2, CONTEXT), np.int32)
    tokens = np.zeros(CONTEXT + 2, np.int32)
    # Row i changes layer i of the context, the next row the token, the last nothing.
    contexts[np.arange(CONTEXT), np.arange(CONTEXT)] = 1
    tokens[CONTEXT] = 1
    apply = jax.jit(MODEL.init_with_output)
    logits, variables = apply(jax.random.key(0), contexts, tokens)
    assert logits.shape == (CONTEXT + 2, 3)
    assert (abs(logits[:-1] - logits[-1]).max(-1) > 1e-4).all()
    single = MODEL.apply(variables, contexts[3], tokens[3])
    np.testing.assert_allclose(single, logits[3], rtol=1e-4, atol=1e-6)
