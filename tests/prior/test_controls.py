"""The controls of a prior, which know less."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from prior_support import CHAINS, SPACES, WORDS, small_prior

from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.prior import controls, examples, ngram, ngram_table
from gpt_nas_jax.prior.prior import only_openers
from gpt_nas_jax.prior.reconstruct import reconstruct
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.corpus import CONTEXT, Windows, merge


@pytest.fixture(scope="module")
def windows() -> Windows:
    """A language of few words, so that contexts recur."""
    random = np.random.default_rng(1)
    tokens = random.integers(2, 5, (300, CONTEXT + 1)).astype(np.int32)
    return merge(tokens, random.integers(1, 9, 300).astype(np.float64))


@pytest.mark.parametrize("longest", [1, ngram.SHORT, CONTEXT + 1])
def test_the_table_is_the_model(windows: Windows, longest: int):
    model = ngram.fit(windows, WORDS.size, longest)
    random = np.random.default_rng(2)
    unseen = random.integers(0, WORDS.size, (20, CONTEXT + 1))
    # New, partly seen and seen contexts.
    mixed = np.concatenate([unseen[:, :-4], windows.tokens[:20, -4:]], 1)
    tokens = np.concatenate([unseen, mixed, windows.tokens[:20]]).astype(np.int32)
    found = jax.jit(ngram_table.NGramTable.probabilities)(
        ngram_table.table_of(model), tokens[:, :-1]
    )
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    last = np.take_along_axis(np.asarray(found), tokens[:, -1:], 1)[:, 0]
    np.testing.assert_allclose(last, model.probabilities(tokens), rtol=1e-5)


@pytest.mark.parametrize(
    "space", [CHAINS, SPACES["nasbench201"]], ids=["chains", "201"]
)
def test_uniform_is_uniform(space: BlockSpace):
    prior = controls.uniform(space)
    found = jax.nn.softmax(prior.logits(jnp.zeros((3, CONTEXT), jnp.int32)))
    assert found.shape == (3, prior.table.num_genes)
    np.testing.assert_allclose(found, 1 / prior.table.num_genes, rtol=1e-5)


def test_unigram_is_the_mean_proposal():
    """By hand: layer frequencies times the FCN's mean answers over random cells."""
    prior = small_prior("nasbench201")
    control = controls.unigram(SPACES["nasbench201"], prior)
    proposed = np.asarray(jax.nn.softmax(control.genes))
    np.testing.assert_allclose(proposed.sum(), 1, rtol=1e-5)
    genomes = SPACES["nasbench201"].sample(jax.random.key(9), 200)
    contexts = examples.of_genomes(genomes, prior.table).contexts
    short = ngram.fit(prior.seen, WORDS.size, longest=1)
    layers = short.probabilities(np.arange(2, WORDS.size)[:, None])
    layers = layers / layers.sum()
    answers = np.stack(
        [
            np.asarray(
                jax.nn.softmax(
                    prior.gene_logits(contexts, np.full(len(contexts), token))
                )
            ).mean(0)
            for token in range(2, WORDS.size)
        ]
    )
    np.testing.assert_allclose(proposed, layers @ answers, atol=0.05)


@pytest.mark.parametrize("name", ["uniform", "unigram", "ngram"])
def test_gaps_are_filled_with_what_the_space_allows(name: str):
    space, prior = SPACES["nasbench201"], small_prior("nasbench201")
    control = {
        "uniform": lambda: controls.uniform(space),
        "unigram": lambda: controls.unigram(space, prior),
        "ngram": lambda: controls.ngram(prior),
    }[name]()
    genomes = space.sample(jax.random.key(3), 16)
    made, proposed = jax.jit(reconstruct)(control, jax.random.key(4), genomes, 1.0)
    assert np.asarray(proposed).all()
    assert np.asarray(space.valid(made)).all()


def test_only_layers_that_begin_a_gene_are_proposed():
    words = vocabulary.build(
        [
            [vocabulary.word(layer) for layer in layers_of(module, size)]
            for module, size in CHAINS.places()[:-1]
        ]
    )
    table = CHAINS.reading(words)
    first = {
        vocabulary.word(layers_of(module, size)[0])
        for module, size in CHAINS.places()[:-1]
    }
    found = np.flatnonzero(np.asarray(table.openers(words.size)))
    assert set(words.decode(found)) == first
    assert 2 < len(first) < len(words.words)
    logits = only_openers(table, jnp.zeros(words.size))
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(logits)), found)
    # In a cell, an operation without layers can be followed by any layer.
    cells = SPACES["nasbench201"].reading(WORDS)
    assert np.asarray(cells.openers(WORDS.size)).all()
