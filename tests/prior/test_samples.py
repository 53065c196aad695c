"""A prior's proposals as the report shows them."""

import jax
import numpy as np
import pytest
from prior_support import (
    CHAINS,
    GENES,
    SPACES,
    WORDS,
    sample,
    small_prior,
    words_of_chains,
)

from gpt_nas_jax.datasets.benchmarks import nasbench201
from gpt_nas_jax.prior import examples, samples
from gpt_nas_jax.prior.corpora import Corpora
from gpt_nas_jax.prior.gpt import next_layer_logits
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.report import PriorReport
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES

Learned = tuple[Prior, PriorReport]


@pytest.mark.slow
def test_proposals_are_those_of_the_models_at_places_held_out(
    learned: Learned, corpora: Corpora
):
    prior, report = learned
    words = corpora.vocabulary
    context = prior.gpt.context
    held = examples.of_networks(corpora.traces[1], words, GENES, context)
    spelled = [tuple(words.decode(context[-4:])) for context in held.contexts]
    proposals = report.samples.proposals
    # One per block, so that they do not all look alike.
    assert 1 < len({p.actual_gene for p in proposals}) == len(proposals)
    for proposal in proposals:
        probabilities = [probability for _, probability in proposal.layers]
        assert probabilities == sorted(probabilities, reverse=True)
        assert 0 < sum(probabilities) <= 1 + 1e-6
        assert {*proposal.context} | {n for n, _ in proposal.layers} <= {*words.words}
        candidates = [
            row
            for row in np.flatnonzero(held.starts)
            if spelled[row] == proposal.context
            and words.decode([held.tokens[row]]) == [proposal.actual_layer]
            and BLOCK_NAMES[held.labels[row]] == proposal.actual_gene
        ]
        matching = []
        for row in candidates:
            context = held.contexts[row : row + 1]
            logits = next_layer_logits(prior.gpt, prior.gpt_params, context)
            shares = np.asarray(jax.nn.softmax(logits[0]))
            best = np.array([shares.argmax()], np.int32)
            genes = prior.fcn.apply({"params": prior.fcn_params}, context, best)
            if np.allclose(np.sort(shares)[::-1][:3], probabilities, atol=1e-5):
                matching.append((words.decode(best)[0], BLOCK_NAMES[genes[0].argmax()]))
        assert (proposal.layers[0][0], proposal.gene) in matching


def test_reconstructions_change_only_what_was_eliminated():
    space, words = CHAINS, words_of_chains()
    prior = small_prior("chains", words, 12)
    held = examples.of_genomes(sample(space, jax.random.key(3), 4), prior.table)
    drawn = samples.draw(prior, space, words, held, jax.random.key(0))
    half, whole = drawn.rewritings
    assert (half.rate, whole.rate) == (0.5, 1.0)
    assert all(whole.eliminated)
    for rewriting in (half, whole):
        assert space.min_depth <= len(rewriting.before) <= space.max_depth
        assert {*rewriting.before, *rewriting.after} <= {*BLOCK_NAMES}
        rows = zip(rewriting.before, rewriting.after, rewriting.eliminated, strict=True)
        assert all(gone or before == after for before, after, gone in rows)


@pytest.mark.parametrize(
    "name", ["nasbench201", pytest.param("nasbench101", marks=pytest.mark.slow)]
)
def test_cells_are_shown_by_their_operations(name: str):
    prior, space = small_prior(name), SPACES[name]
    held = examples.of_genomes(sample(space, jax.random.key(3), 20), prior.table)
    drawn = samples.draw(prior, space, WORDS, held, jax.random.key(0))
    assert drawn == samples.draw(prior, space, WORDS, held, jax.random.key(0))
    assert drawn != samples.draw(prior, space, WORDS, held, jax.random.key(1))
    genes = {p.actual_gene for p in drawn.proposals} | {*drawn.rewritings[1].after}
    if name == "nasbench201":
        assert genes <= {*nasbench201.OPERATIONS}
        assert len(drawn.rewritings[0].before) == 6
    else:
        assert genes <= {"conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"}
