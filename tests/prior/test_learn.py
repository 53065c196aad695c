"""Learning the whole prior on a small scale."""

import dataclasses
from collections import Counter

import jax
import numpy as np
import pytest

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.prior import cells, corpus, examples, fit, learn, ngram
from gpt_nas_jax.prior.learn import Corpora, PriorReport
from gpt_nas_jax.prior.reconstruct import Prior
from gpt_nas_jax.prior.vocabulary import word
from gpt_nas_jax.spaces.blocks import BlockSpace
from gpt_nas_jax.spaces.nasbench101_cells import enumerate_cells, to_columns
from gpt_nas_jax.types import UsageError

Learned = tuple[Prior, PriorReport]


def test_the_report_counts_words_and_architectures(learned: Learned, corpora: Corpora):
    report = learned[1]
    # The article counts 168 words.
    assert (report.vocabulary_size, report.words_with_groups) == (27, 169)
    human, benchmark = report.finetune, report.pretrain
    assert (human.networks, human.architectures, human.held_out) == (36, 26, 4)
    merged = cells.architectures(to_columns(enumerate_cells(4)), corpora.vocabulary)
    assert benchmark.architectures + benchmark.held_out == len(merged)
    assert benchmark.held_out == round(0.15 * len(merged))
    assert human.windows == len(corpus.windows(corpora.human[0]))
    assert benchmark.windows == len(corpus.windows(corpora.cells[0]))


def test_even_a_little_learning_beats_guessing(learned: Learned):
    report = learned[1]
    for quality in (report.pretrain, report.finetune):
        assert 1 < quality.gpt_perplexity < 27 / 2
        assert 1 < quality.ngram_perplexity < 3
    assert 0.8 < report.fcn_accuracy < 1
    assert 0.8 < report.fcn_layer_accuracy < 1


def test_the_report_measures_the_prior_on_what_was_held_out(
    learned: Learned, corpora: Corpora
):
    prior, report = learned
    windows, held = map(corpus.windows, corpora.human)
    perplexity = fit.perplexity(prior.gpt, prior.gpt_params, held)
    assert report.finetune.gpt_perplexity == pytest.approx(perplexity)
    baseline = ngram.fit(windows, corpora.vocabulary.size)
    assert report.finetune.ngram_perplexity == ngram.perplexity(baseline, held)
    layers = examples.of_networks(corpora.traces[1], corpora.vocabulary)
    accuracy = fit.accuracy(prior.fcn, prior.fcn_params, layers)
    assert (report.fcn_accuracy, report.fcn_layer_accuracy) == accuracy


def test_the_same_key_learns_the_same_prior_in_the_steps_announced(
    config: PriorConfig, space: BlockSpace, corpora: Corpora, learned: Learned
):
    counts: list[int] = []
    again = learn.learn(config, space, corpora, jax.random.key(1), counts.append)
    assert jax.tree.all(jax.tree.map(np.array_equal, again[0], learned[0]))
    assert again[1] == learned[1]
    report = again[1]
    assert sum(counts) == config.fcn_steps + sum(
        learn.steps(config, quality.windows, epochs)
        for quality, epochs in (
            (report.pretrain, config.pretrain_epochs),
            (report.finetune, config.finetune_epochs),
        )
    )


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_both_learned_from_and_measured_on(
    zoo_traces: dict[str, Trace], seed: int
):
    """Networks that differ in widths alone read the same and must not be parted."""
    corpora = learn.corpora(
        to_columns(enumerate_cells(3)),
        list(zoo_traces.values()),
        jax.random.key(seed),
        0.15,
    )
    for seen, held in (corpora.cells, corpora.human):
        both = [{s.tobytes() for s in part.sequences} for part in (seen, held)]
        assert not both[0] & both[1]
    for traces, part in zip(corpora.traces, corpora.human, strict=True):
        spelled = Counter(
            corpora.vocabulary.encode(word(p.layer) for p in trace.layers).tobytes()
            for trace in traces
        )
        counts = zip((s.tobytes() for s in part.sequences), part.counts, strict=True)
        assert spelled == dict(counts)
    assert sum(map(len, corpora.traces)) == 36


def test_the_key_decides_what_is_held_out(zoo_traces: dict[str, Trace]):
    columns = to_columns(enumerate_cells(3))

    def held(seed: int) -> list[bytes]:
        parts = learn.corpora(
            columns, list(zoo_traces.values()), jax.random.key(seed), 0.15
        )
        return [s.tobytes() for s in parts.human[1].sequences]

    assert held(0) == held(0) != held(1)


def test_a_corpus_of_one_cell_is_refused(zoo_traces: dict[str, Trace]):
    columns = to_columns(enumerate_cells(3)[:1])
    with pytest.raises(UsageError, match="lower --prior_min_accuracy"):
        learn.corpora(columns, list(zoo_traces.values()), jax.random.key(0), 0.15)


@pytest.mark.parametrize(
    ("windows", "epochs", "steps"), [(128, 3, 3), (129, 3, 6), (1, 300, 300), (9, 0, 0)]
)
def test_an_epoch_passes_over_every_window(windows: int, epochs: int, steps: int):
    config = dataclasses.replace(PriorConfig(), batch=128)
    assert learn.steps(config, windows, epochs) == steps
