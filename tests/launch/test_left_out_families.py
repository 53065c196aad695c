"""The columns of the families that are left out."""

import jax
import left_out_families
import numpy as np
import pytest
from prior_support import SPACES, WORDS, sample, small_prior

from gpt_nas_jax.prior import examples, ngram
from gpt_nas_jax.tokens.vocabulary import NUM_SPECIAL


@pytest.mark.parametrize("strength", [1.0, 1000.0])
def test_both_columns_of_the_n_gram_are_of_one_model(strength: float):
    """By hand: the model's probabilities of layers times the FCN's answers."""
    space, prior = SPACES["nasbench201"], small_prior("nasbench201")
    counted = ngram.fit(prior.seen, WORDS.size, longest=3).backing_off(strength)
    places = examples.of_genomes(sample(space, jax.random.key(0), 4), prior.table)
    perplexity, right = left_out_families.of_ngram(counted, prior, prior.seen, places)
    assert perplexity == pytest.approx(ngram.perplexity(counted, prior.seen))
    first = np.flatnonzero(np.asarray(prior.table.openers(WORDS.size)))
    assert first.min() >= NUM_SPECIAL
    answer = jax.jit(lambda each: jax.nn.softmax(prior.gene_logits(each, first)))
    chances = []
    for context, label in zip(places.contexts, places.labels, strict=True):
        each = np.tile(context, (len(first), 1))
        layers = counted.probabilities(np.column_stack([each, first]))
        answers = np.asarray(answer(each))[:, label]
        chances.append(layers @ answers / layers.sum())
    assert right == pytest.approx(np.mean(chances), rel=1e-3)
