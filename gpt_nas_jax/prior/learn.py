"""Learning the prior: corpora, pre-training, fine-tuning, and how good it is."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import jax
import numpy as np

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.prior import (
    curve,
    examples,
    fit,
    gpt_phases,
    ngram,
    phases,
    samples,
)
from gpt_nas_jax.prior.benchmarks import NASBENCH101, CellBenchmark
from gpt_nas_jax.prior.clock import Clock
from gpt_nas_jax.prior.curve import Point
from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.fit import Progress, Schedule
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.gpt_phases import AfterRound, Outcome, Standing
from gpt_nas_jax.prior.phases import Phase
from gpt_nas_jax.prior.reconstruct import Prior
from gpt_nas_jax.prior.samples import Samples
from gpt_nas_jax.spaces.nasbench101.corpus import Columns
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.tokens import corpus, vocabulary
from gpt_nas_jax.tokens.corpus import Architectures
from gpt_nas_jax.tokens.reading import EMPTY_CONTEXT, ReadingTable
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word
from gpt_nas_jax.types import Key

_FCN_BATCH = 128
_FCN_RATE = 1e-3
# Random genomes teach the FCN contexts that only a search produces; of chains, most of
# what it sees stays human.
_RANDOM = 2000
_RANDOM_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class Quality:
    """How well the next layer of held-out architectures is predicted.

    Attributes:
      networks: in the corpus.
      architectures: distinct ones learned from; networks may read the same.
      stopping: distinct ones that said when to stop; 0 without patience.
      held_out: distinct ones measured on, which nothing was chosen by.
      windows: distinct windows learned from.
      gpt_perplexity: of the GPT.
      ngram_perplexity: of the better of two n-gram models: fitted to the windows of
        this phase, and of all phases so far, each weighing the same. They learn from
        the architectures that said when to stop, too.
      passes: over the distinct windows, until learning ended.
      kept_step: the update after which the parameters are those kept.
      curve: measured on the architectures that say when to stop, without patience on
        those held out.
    """

    networks: int
    architectures: int
    stopping: int
    held_out: int
    windows: int
    gpt_perplexity: float
    ngram_perplexity: float
    passes: float
    kept_step: int
    curve: tuple[Point, ...]


@dataclasses.dataclass(frozen=True)
class PriorReport:
    """What the prior learned from and how well.

    Attributes:
      vocabulary_size: words, special tokens not counted.
      words_with_groups: how many there would be with numbers of groups kept as they
        are; the paper counts 168.
      words_by_kind: by kind of layer, both counts.
      corpus_hash: of the windows of both phases.
      pretrain: on the cells of a benchmark.
      finetune: on the human networks.
      fcn_accuracy: share of right genes where one begins: of the blocks of held-out
        human networks; in a space of cells, of the operations of random ones. Those
        without a layer cannot be told apart.
      fcn_layer_accuracy: the same at every layer; of cells no other is asked.
      samples: what it proposes where nothing was learned from; the contexts are as of
        ``fcn_accuracy``.
      seconds: that each part took.
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


@dataclasses.dataclass(frozen=True, eq=False)
class Corpora:
    """Both phases' architectures, each split into (seen, held out).

    Attributes:
      vocabulary: of all of them.
      words_with_groups: all of them with numbers of groups kept as they are.
      cells: the benchmark's networks.
      human: networks of the zoo; those that read the same are one.
      traces: of the zoo's networks, as (seen, held out).
    """

    vocabulary: Vocabulary
    words_with_groups: frozenset[str]
    cells: tuple[Architectures, Architectures]
    human: tuple[Architectures, Architectures]
    traces: tuple[list[Trace], list[Trace]]


def corpora(
    cells: Columns,
    zoo_traces: list[Trace],
    key: Key,
    holdout: float,
    benchmark: CellBenchmark = NASBENCH101,
) -> Corpora:
    """Tokenises both corpora and holds out whole architectures of each.

    Args:
      cells: of the benchmark, as its columns.
      zoo_traces: the human networks.
      key: decides which are held out.
      holdout: share that is held out, in [0, 1].
      benchmark: how the cells read.

    Raises:
      UsageError: a corpus has fewer than two distinct architectures.
    """
    networks = [[word(part.layer) for part in trace.layers] for trace in zoo_traces]
    words = vocabulary.build([*networks, benchmark.words(False)])
    grouped = {word(p.layer, True) for trace in zoo_traces for p in trace.layers}
    cell_key, human_key = jax.random.split(key)
    # Networks that differ in widths alone read the same; they stay together.
    tokens = [words.encode(network) for network in networks]
    groups: dict[bytes, list[int]] = {}
    for index, sequence in enumerate(tokens):
        groups.setdefault(sequence.tobytes(), []).append(index)
    alike = list(groups.values())
    human = Architectures(
        tuple(tokens[group[0]] for group in alike),
        np.array([len(group) for group in alike], np.float64),
    )
    seen, held = corpus.split(len(alike), human_key, holdout)
    return Corpora(
        vocabulary=words,
        words_with_groups=frozenset(grouped.union(benchmark.words(True))),
        cells=corpus.hold_out(benchmark.architectures(cells, words), cell_key, holdout),
        human=(human.take(seen), human.take(held)),
        traces=tuple(
            [zoo_traces[index] for group in part for index in alike[group]]
            for part in (seen, held)
        ),
    )


def models(
    config: PriorConfig, vocabulary_size: int, num_genes: int
) -> tuple[GPT, FCN]:
    """The two networks of the prior; the FCN tells so many genes apart."""
    gpt = GPT(vocabulary_size, config.width)
    return gpt, FCN(vocabulary_size, num_genes)


def cut(config: PriorConfig, corpora: Corpora, key: Key) -> tuple[Phase, Phase]:
    """Pre-training and fine-tuning; arguments as of `phases.cut`."""
    keys = jax.random.split(key)
    return (
        phases.cut(config, corpora.cells, config.pretrain_epochs, keys[0]),
        phases.cut(config, corpora.human, config.finetune_epochs, keys[1]),
    )


def learn(
    config: PriorConfig,
    space: ReadableSpace,
    corpora: Corpora,
    parts: tuple[Phase, Phase],
    key: Key,
    progress: Progress,
    spent: Mapping[str, float],
    standing: Standing | None = None,
    after_round: AfterRound = lambda standing: None,
) -> tuple[Prior, PriorReport]:
    """Pre-trains and fine-tunes the GPT, fits the FCN, and measures both.

    Each phase learns from its seen architectures and is measured on its held-out
    ones as soon as it ends.

    Args:
      config: sizes and lengths of the learning.
      space: whose genes the FCN proposes.
      corpora: what to learn from.
      parts: its phases, as `cut` makes them.
      key: decides initial parameters, the order of samples and what the report shows.
      progress: called as steps are done.
      spent: seconds before this, for the report.
      standing: of this very learning of the GPT, to go on from with the same result.
      after_round: called with every measurement of the GPT.
    """
    size = corpora.vocabulary.size
    table = space.reading(corpora.vocabulary)
    gpt, fcn = models(config, size, table.num_genes)
    init_key, pre_key, fine_key, fcn_key, show_key = jax.random.split(key, 5)
    params = jax.jit(gpt.init)(init_key, EMPTY_CONTEXT[None])["params"]
    clock = Clock(spent)
    params, outcomes = gpt_phases.learn(
        gpt,
        params,
        parts,
        (pre_key, fine_key),
        clock,
        progress,
        standing,
        after_round,
    )
    qualities = [
        _quality(parts[: index + 1], outcome, size)
        for index, outcome in enumerate(outcomes)
    ]
    clock.stop("measuring")
    random_key, *fcn_keys = jax.random.split(fcn_key, 3)
    seen, weights, held = _fcn_examples(space, table, corpora, random_key)
    fcn_params = _learn_fcn(config, fcn, seen, weights, fcn_keys, progress)
    clock.stop("fcn")
    accuracy = fit.accuracy(fcn, fcn_params, held)
    prior = Prior(gpt, fcn, params, fcn_params, table)
    shown = samples.draw(prior, space, corpora.vocabulary, held, show_key)
    clock.stop("measuring")
    report = PriorReport(
        vocabulary_size=len(corpora.vocabulary.words),
        words_with_groups=len(corpora.words_with_groups),
        words_by_kind=_by_kind(corpora.vocabulary.words, corpora.words_with_groups),
        corpus_hash="".join(phase.windows.digest()[:32] for phase in parts),
        pretrain=qualities[0],
        finetune=qualities[1],
        fcn_accuracy=accuracy[0],
        fcn_layer_accuracy=accuracy[1],
        samples=shown,
        seconds=clock.seconds(),
    )
    return prior, report


def _quality(parts: Sequence[Phase], outcome: Outcome, vocabulary_size: int) -> Quality:
    """Of the last of these phases."""
    phase, points = parts[-1], outcome.points
    last = points[-1].step
    kept = points[curve.lowest(points)].step if phase.schedule.patience else last
    every = corpus.balanced([part.known for part in parts])
    return Quality(
        networks=phase.networks,
        architectures=phase.learned,
        stopping=phase.stopping,
        held_out=phase.held_out,
        windows=len(phase.windows),
        gpt_perplexity=outcome.perplexity,
        ngram_perplexity=min(
            ngram.perplexity(ngram.fit(windows, vocabulary_size), phase.held)
            for windows in (phase.known, every)
        ),
        passes=round(last / phase.steps_a_pass, 2),
        kept_step=kept,
        curve=points,
    )


def _by_kind(words: Iterable[str], grouped: Iterable[str]) -> dict[str, tuple]:
    """How many words of each kind of layer there are, and with numbers of groups."""
    counts, more = (
        collections.Counter(word.split()[0] for word in some)
        for some in (words, grouped)
    )
    return {kind: (counts[kind], more[kind]) for kind in sorted(more)}


def _learn_fcn(
    config: PriorConfig,
    fcn: FCN,
    known: Examples,
    weights: np.ndarray,
    keys: list[Key],
    progress: Progress,
) -> dict:
    init_key, fit_key = keys
    params = jax.jit(fcn.init)(init_key, known.contexts[:1], known.tokens[:1])["params"]
    steps = config.fcn_steps
    schedule = Schedule(steps, _FCN_BATCH, _FCN_RATE, interval=steps, patience=0)
    return fit.fit_fcn(fcn, params, known, weights, fit_key, schedule, progress)


def _fcn_examples(
    space: ReadableSpace, table: ReadingTable, corpora: Corpora, key: Key
) -> tuple[Examples, np.ndarray, Examples]:
    """What the FCN learns from, the weight of each example, and what is held out."""
    sample = jax.jit(space.sample, static_argnums=1)
    drawn = examples.of_genomes(sample(key, _RANDOM), table)
    if not space.human_genes:
        others = sample(jax.random.fold_in(key, 1), _RANDOM)
        return drawn, np.ones(len(drawn)), examples.of_genomes(others, table)
    human, held = (
        examples.of_networks(traces, corpora.vocabulary, space.human_genes)
        for traces in corpora.traces
    )
    weights = [
        np.full(len(human), (1 - _RANDOM_SHARE) / len(human)),
        np.full(len(drawn), _RANDOM_SHARE / len(drawn)),
    ]
    return examples.joined([human, drawn]), np.concatenate(weights), held
