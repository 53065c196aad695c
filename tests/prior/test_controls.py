"""The controls of a prior, which know less."""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from prior_support import (
    CHAINS,
    SPACES,
    WORDS,
    sample,
    small_prior,
    words_of_chains,
)

from gpt_nas_jax.datasets.benchmarks import nasbench201
from gpt_nas_jax.networks.trace import layers_of, trace
from gpt_nas_jax.networks.zoo import human
from gpt_nas_jax.prior import controls, examples, lessons, ngram, ngram_table
from gpt_nas_jax.prior.prior import only_openers
from gpt_nas_jax.prior.reconstruct import reconstruct
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.corpus import CONTEXT, Windows, merge
from gpt_nas_jax.tokens.reading import Proposer
from gpt_nas_jax.tokens.vocabulary import NUM_SPECIAL


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


def test_a_unigram_of_chains_proposes_by_the_frequency_of_blocks():
    """Witten and Bell's estimate of what was never seen, written out."""
    counts = np.zeros(CHAINS.num_genes, np.float32)
    counts[[0, 3, 7]] = 5, 2, 1
    control = controls.unigram(
        CHAINS, small_prior("chains").replace(blocks=counts), fcn_steps=0
    )
    expected = (counts + 3 / len(counts)) / (8 + 3)
    np.testing.assert_allclose(jax.nn.softmax(control.genes), expected, rtol=1e-5)


def test_blocks_of_human_networks_are_counted_once_each():
    network = human("ResNet-18")
    resnet = trace(network.build(10, network.image), network.image)
    found = lessons.count_blocks(CHAINS, WORDS, [resnet], CHAINS.num_genes)
    counts = dict(zip(BLOCK_NAMES, found, strict=True))
    assert {name: n for name, n in counts.items() if n} == {
        "BasicBlock": 8,
        **dict.fromkeys(("Conv", "BatchNorm", "ReLU", "MaxPool", "AvgPool"), 1),
    }
    cells = lessons.count_blocks(SPACES["nasbench201"], WORDS, [resnet], 5)
    np.testing.assert_array_equal(cells, np.zeros(5))


@pytest.mark.slow
def test_unigram_of_cells_is_the_mean_proposal():
    """By hand: layer frequencies times the FCN's mean answers over random cells."""
    space, prior = SPACES["nasbench201"], small_prior("nasbench201")
    control = controls.unigram(space, prior, fcn_steps=0)
    # Without updates, the FCN of a control does not depend on its model of layers.
    prior = prior.replace(fcn_params=controls.ngram(space, prior, 0).fcn_params)
    proposed = np.asarray(jax.nn.softmax(control.genes))
    np.testing.assert_allclose(proposed.sum(), 1, rtol=1e-5)
    genomes = sample(space, jax.random.key(9), 200)
    contexts = examples.of_genomes(genomes, prior.table).contexts
    short = ngram.fit(prior.seen, WORDS.size, longest=1)
    first = np.flatnonzero(np.asarray(prior.table.openers(WORDS.size)))
    layers = short.probabilities(first[:, None])
    layers = layers / layers.sum()
    answers = np.stack(
        [
            np.asarray(
                jax.nn.softmax(
                    prior.gene_logits(contexts, np.full(len(contexts), token))
                )
            ).mean(0)
            for token in first
        ]
    )
    np.testing.assert_allclose(proposed, layers @ answers, atol=0.05)


@pytest.fixture(autouse=True, scope="module")
def few_genomes() -> Iterator[None]:
    """The FCN of a control learns from fewer random genomes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lessons, "_RANDOM", 200)
        yield


@functools.cache
def control_of(name: str, other: bool = False) -> Proposer:
    """A control on cells of a small prior, or of one with another GPT and FCN."""
    prior = small_prior("nasbench201")
    if other:
        prior = prior.replace(
            fcn_params=jax.tree.map(lambda leaf: -leaf, prior.fcn_params),
            gpt_params=jax.tree.map(lambda leaf: -leaf, prior.gpt_params),
        )
    made = {"unigram": controls.unigram, "ngram": controls.ngram}[name]
    return made(SPACES["nasbench201"], prior, fcn_steps=20)


@pytest.mark.parametrize("name", ["unigram", "ngram"])
def test_controls_know_nothing_of_the_gpt(name: str):
    """In a space of cells, the FCN of the prior has learned what the GPT wrote."""
    one, two = (control_of(name, other) for other in (False, True))
    genomes = sample(SPACES["nasbench201"], jax.random.key(2), 2)
    contexts = examples.of_genomes(genomes, one.table).contexts
    logits = jax.jit(type(one).logits)
    np.testing.assert_array_equal(logits(one, contexts), logits(two, contexts))


def test_a_unigram_of_cells_proposes_by_the_frequency_of_their_layers():
    """In a corpus of convolutions of 3x3 alone, they are what is proposed."""
    space, prior = SPACES["nasbench201"], small_prior("nasbench201")
    table = space.reading(WORDS)
    conv = nasbench201.OPERATIONS.index("nor_conv_3x3")
    cell = np.full((1, 6), conv, np.int32)
    (whole, _), *_ = examples.read(cell, table)
    windows = np.lib.stride_tricks.sliding_window_view(whole, CONTEXT + 1)
    seen = prior.replace(seen=merge(windows, np.ones(len(windows))))
    control = controls.unigram(space, seen, fcn_steps=400)
    shares = np.asarray(jax.nn.softmax(control.genes))
    assert shares.argmax() == conv


@pytest.mark.parametrize("name", ["uniform", "unigram", "ngram"])
def test_gaps_are_filled_with_what_the_space_allows(name: str):
    space = SPACES["nasbench201"]
    is_uniform = name == "uniform"
    control = controls.uniform(space) if is_uniform else control_of(name)
    genomes = space.sample(jax.random.key(3), 16)
    made, proposed = jax.jit(reconstruct)(control, jax.random.key(4), genomes, 1.0)
    assert np.asarray(proposed).all()
    assert np.asarray(space.valid(made)).all()


def test_only_layers_that_begin_a_gene_are_proposed():
    words = words_of_chains()
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


@pytest.mark.parametrize("name", [*SPACES])
def test_layers_that_can_be_proposed_are_those_that_follow_a_place(name: str):
    """Operations without layers are followed by those of others, or by the sum."""
    space = SPACES[name]
    table = space.reading(WORDS)
    read = examples.of_genomes(sample(space, jax.random.key(6), 500), table)
    found = np.flatnonzero(np.asarray(table.openers(WORDS.size)))
    assert set(found) == {token for token in read.tokens if token >= NUM_SPECIAL}
    assert len(found) < WORDS.size - NUM_SPECIAL
