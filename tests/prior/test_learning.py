"""Training of the whole prior at small scale."""

import dataclasses
from collections import Counter

import jax
import numpy as np
import pytest
from prior_support import GENES, learn_from

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.prior import corpora as splitting
from gpt_nas_jax.prior import examples, fit, ngram, smoothing
from gpt_nas_jax.prior.corpora import Corpora, build_corpora, build_phases
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.report import PriorReport
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench101 import corpus as nasbench101_corpus
from gpt_nas_jax.spaces.nasbench101.cells import enumerate_cells, to_columns
from gpt_nas_jax.tokens import corpus
from gpt_nas_jax.tokens.vocabulary import word
from gpt_nas_jax.types import UsageError

Learned = tuple[Prior, PriorReport]


@pytest.mark.slow
def test_the_report_counts_words_and_architectures(
    config: PriorConfig, learned: Learned, corpora: Corpora
):
    report = learned[1]
    # The paper counts 168 words, by kinds that it does not list.
    assert (report.vocabulary_size, report.words_with_groups) == (38, 169)
    kinds = {"conv": (23, 154), "pool": (5, 5), "fc": (1, 1), "other": (9, 9)}
    assert report.words_by_kind == kinds
    human, benchmark = report.finetune, report.pretrain
    assert (human.networks, human.architectures, human.held_out) == (36, 29, 5)
    merged = nasbench101_corpus.architectures(
        to_columns(enumerate_cells(4)), corpora.vocabulary
    )
    assert benchmark.architectures + benchmark.held_out == len(merged)
    assert benchmark.held_out == round(0.15 * len(merged))
    assert human.windows == len(corpus.windows(corpora.human[0], config.context))
    assert benchmark.windows == len(corpus.windows(corpora.cells[0], config.context))


@pytest.mark.slow
def test_even_a_little_learning_beats_guessing(learned: Learned):
    report = learned[1]
    for quality in (report.pretrain, report.finetune):
        assert 1 < quality.gpt_perplexity < 38 / 2
        assert 1 < quality.ngram_perplexity < 3
    assert 0.8 < report.fcn_accuracy < 1
    assert 0.8 < report.fcn_layer_accuracy < 1


@pytest.mark.slow
def test_the_report_measures_the_prior_on_the_test_part(
    config: PriorConfig, learned: Learned, corpora: Corpora
):
    prior, report = learned
    context = config.context
    held = corpus.windows(corpora.human[1], context)
    perplexity = fit.perplexity(prior.gpt, prior.gpt_params, held)
    assert report.finetune.gpt_perplexity == pytest.approx(perplexity)
    # Of a model of the human networks or of both corpora, more or less smoothed.
    cells, human = (
        corpus.windows(one[0], context) for one in (corpora.cells, corpora.human)
    )
    both = corpus.balanced([cells, human])
    for longest, found in (
        (ngram.SHORT, report.finetune.ngram_perplexity),
        (context + 1, report.finetune.equal_ngram_perplexity),
    ):
        models = [
            ngram.fit(some, corpora.vocabulary.size, longest) for some in (human, both)
        ]
        assert found in [
            ngram.perplexity(model.backing_off(strength), held)
            for model in models
            for strength in smoothing.STRENGTHS
        ]
    words = corpora.vocabulary
    layers = examples.of_networks(corpora.traces[1], words, GENES, context)
    accuracy = fit.accuracy(prior.fcn, prior.fcn_params, layers)
    assert (report.fcn_accuracy, report.fcn_layer_accuracy) == accuracy


@pytest.mark.slow
def test_the_same_key_learns_the_same_prior_in_the_steps_announced(
    config: PriorConfig, space: BlockSpace, corpora: Corpora, learned: Learned
):
    counts: list[int] = []
    again = learn_from(config, space, corpora, counts.append)
    assert jax.tree.all(jax.tree.map(np.array_equal, again[0], learned[0]))
    assert again[1] == learned[1]
    report = again[1]
    assert sum(counts) == config.fcn_steps + sum(
        splitting.steps(config, quality.windows, epochs)
        for quality, epochs in (
            (report.pretrain, config.pretrain_epochs),
            (report.finetune, config.finetune_epochs),
        )
    )


def test_validation_is_neither_for_training_nor_for_the_test(
    config: PriorConfig, corpora: Corpora
):
    patient = dataclasses.replace(config, patience=3)
    cut, again, other = (
        build_phases(patient, corpora, jax.random.key(seed)) for seed in (0, 0, 1)
    )
    for phase, (seen, held) in zip(cut, (corpora.cells, corpora.human), strict=True):
        validation = round(0.15 * len(seen))
        assert phase.sizes == (len(seen) - validation, validation, len(held))
        assert phase.test.digest() == corpus.windows(held, config.context).digest()
        # Every window seen counts once, in either of the two parts.
        windows = corpus.windows(seen, config.context)
        assert np.array_equal(phase.known.tokens, windows.tokens)
        assert np.allclose(phase.known.weights, windows.weights)
        parts = phase.train, phase.validation
        assert sum(part.weights.sum() for part in parts) == windows.weights.sum()
    digests = [[p.train.digest() for p in some] for some in (cut, again, other)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.slow
def test_without_patience_the_curve_is_measured_on_the_test_part(
    config: PriorConfig, corpora: Corpora, learned: Learned
):
    report = learned[1]
    for phase in build_phases(config, corpora, jax.random.key(0)):
        assert phase.sizes[1] == 0
        assert phase.validation.digest() == phase.test.digest()
    for quality in (report.pretrain, report.finetune):
        points = quality.curve
        assert (points[0].step, points[-1].step) == (0, quality.kept_step)
        assert np.exp(points[-1].held_out_loss) == pytest.approx(quality.gpt_perplexity)


@pytest.mark.long
def test_patience_ends_a_phase_at_its_best(
    config: PriorConfig, space: BlockSpace, corpora: Corpora
):
    patient = dataclasses.replace(
        config, pretrain_epochs=0, finetune_epochs=300, patience=1
    )
    prior, report = learn_from(patient, space, corpora, lambda count: None)
    quality = report.finetune
    steps, losses = zip(
        *((p.step, p.held_out_loss) for p in quality.curve), strict=True
    )
    assert quality.kept_step == steps[np.argmin(losses)] == steps[-2]
    assert quality.passes < 300
    held = corpus.windows(corpora.human[1], config.context)
    perplexity = fit.perplexity(prior.gpt, prior.gpt_params, held)
    assert quality.gpt_perplexity == pytest.approx(perplexity)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_both_learned_from_and_measured_on(
    zoo_traces: dict[str, Trace], seed: int
):
    """Networks that differ only in width have the same tokens and stay together."""
    corpora = build_corpora(
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
        parts = build_corpora(
            columns, list(zoo_traces.values()), jax.random.key(seed), 0.15
        )
        return [s.tobytes() for s in parts.human[1].sequences]

    assert held(0) == held(0) != held(1)


def test_a_corpus_of_one_cell_is_refused(zoo_traces: dict[str, Trace]):
    columns = to_columns(enumerate_cells(3)[:1])
    with pytest.raises(UsageError, match="lower --prior_min_accuracy"):
        build_corpora(columns, list(zoo_traces.values()), jax.random.key(0), 0.15)


@pytest.mark.parametrize(
    ("windows", "epochs", "steps"), [(128, 3, 3), (129, 3, 6), (1, 300, 300), (9, 0, 0)]
)
def test_an_epoch_passes_over_every_window(windows: int, epochs: int, steps: int):
    config = dataclasses.replace(PriorConfig(), batch=128)
    assert splitting.steps(config, windows, epochs) == steps


@pytest.mark.parametrize(("windows", "steps"), [(17_956, 300), (424, 50), (1, 50)])
def test_a_measurement_follows_about_every_other_pass(windows: int, steps: int):
    config = dataclasses.replace(PriorConfig(), batch=128)
    assert splitting.interval(config, windows) == steps
