"""The quality of a trained prior: the contents of its ``report.json``."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from gpt_nas_jax.prior import fit, ngram, samples, smoothing
from gpt_nas_jax.prior.corpora import Corpora, Phase
from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.samples import Samples
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.types import Key


@dataclasses.dataclass(frozen=True)
class Point:
    """One measurement of a learning curve, in nats.

    Attributes:
      step: updates so far.
      train_loss: of the samples since the last point, averaged over all layers of a
        window, some of them replaced by the unknown token; None before the first
        update.
      held_out_loss: of the last layer of validation windows or, without patience, test
        windows.
    """

    step: int
    train_loss: float | None
    held_out_loss: float


@dataclasses.dataclass(frozen=True)
class Quality:
    """How well the GPT predicts the next layer after one phase.

    Attributes:
      networks: number in the corpus.
      architectures: distinct ones for training; several networks may have equal tokens.
      stopping: distinct ones for validation; 0 without patience.
      held_out: distinct ones for the test.
      windows: distinct windows for training.
      gpt_perplexity: of the GPT, on the test windows.
      ngram_perplexity: of a 5-gram model on the test windows. Validation architectures
        decide its smoothing, and whether it is fitted to the train and validation
        windows of this phase or to those of all phases so far, weighted equally.
      equal_ngram_perplexity: the same for n-grams with the GPT's context length.
      passes: over the distinct windows until the training ended.
      kept_step: the update after which the parameters were kept.
      curve: the learning curve.
    """

    networks: int
    architectures: int
    stopping: int
    held_out: int
    windows: int
    gpt_perplexity: float
    ngram_perplexity: float
    equal_ngram_perplexity: float
    passes: float
    kept_step: int
    curve: tuple[Point, ...]


@dataclasses.dataclass(frozen=True)
class PriorReport:
    """A prior's vocabulary, corpora and quality.

    Attributes:
      vocabulary_size: number of words, without special tokens.
      words_with_groups: number of words if numbers of groups were kept; the paper
        counts 168.
      words_by_kind: both counts for each kind of layer.
      corpus_hash: of the train windows of both phases.
      pretrain: on the cells of a benchmark.
      finetune: on the human-designed networks.
      fcn_accuracy: accuracy of the FCN at the first layers of genes: of the blocks of
        human-designed test networks; in a space of cells, of the operations that the
        GPT wrote into random cells. Operations without a layer are indistinguishable.
      fcn_layer_accuracy: the same at every layer; in a space of cells, the same number.
      samples: proposals at some of the places where ``fcn_accuracy`` is measured.
      seconds: duration of each part.
    """

    vocabulary_size: int
    words_with_groups: int
    words_by_kind: Mapping[str, tuple[int, int]]
    corpus_hash: str
    pretrain: Quality
    finetune: Quality
    fcn_accuracy: float
    fcn_layer_accuracy: float
    samples: Samples
    seconds: Mapping[str, float] = dataclasses.field(compare=False)


def measure(
    prior: Prior,
    space: ReadableSpace,
    corpora: Corpora,
    phases: Sequence[Phase],
    qualities: tuple[Quality, Quality],
    test: Examples,
    key: Key,
) -> PriorReport:
    """Measures a prior; leaves the seconds of the report empty.

    Args:
      prior: the trained models.
      space: whose genes the FCN proposes.
      corpora: its training data.
      phases: of the GPT's training.
      qualities: after each phase.
      test: test examples of the FCN.
      key: selects the report's samples.
    """
    words, grouped = corpora.vocabulary.words, corpora.words_with_groups
    begins, everywhere = fit.accuracy(prior.fcn, prior.fcn_params, test)
    return PriorReport(
        vocabulary_size=len(words),
        words_with_groups=len(grouped),
        words_by_kind=_by_kind(words, grouped),
        corpus_hash="".join(phase.train.digest()[:32] for phase in phases),
        pretrain=qualities[0],
        finetune=qualities[1],
        fcn_accuracy=begins,
        fcn_layer_accuracy=everywhere,
        samples=samples.draw(prior, space, corpora.vocabulary, test, key),
        seconds={},
    )


def quality(
    phases: Sequence[Phase],
    curve: tuple[Point, ...],
    kept_step: int,
    perplexity: float,
    vocabulary_size: int,
) -> Quality:
    """The quality after the last of these phases; ``perplexity`` is the GPT's."""
    phase = phases[-1]
    train, validation, test = phase.sizes

    def perplexity_of(longest: int) -> float:
        model = smoothing.baseline(phases, vocabulary_size, longest)
        return ngram.perplexity(model, phase.test)

    return Quality(
        networks=phase.networks,
        architectures=train,
        stopping=validation,
        held_out=test,
        windows=len(phase.train),
        gpt_perplexity=perplexity,
        ngram_perplexity=perplexity_of(ngram.SHORT),
        equal_ngram_perplexity=perplexity_of(phase.test.context + 1),
        passes=round(curve[-1].step / phase.pass_steps, 2),
        kept_step=kept_step,
        curve=curve,
    )


def _by_kind(words: Iterable[str], grouped: Iterable[str]) -> dict[str, tuple]:
    """Number of words per kind of layer, without and with numbers of groups."""
    counts, more = (
        collections.Counter(word.split()[0] for word in some)
        for some in (words, grouped)
    )
    return {kind: (counts[kind], more[kind]) for kind in sorted(more)}
