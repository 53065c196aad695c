"""Learning the prior: corpora, pre-training, fine-tuning, and how good it is."""

import dataclasses
import math

import jax
import numpy as np

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.networks.candidate import BLOCK_NAMES
from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.prior import corpus, examples, fit, ngram, tables, vocabulary
from gpt_nas_jax.prior.benchmarks import NASBENCH101, CellBenchmark
from gpt_nas_jax.prior.cells import Columns
from gpt_nas_jax.prior.corpus import Architectures, Windows
from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.fit import Progress, Schedule
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.reading import EMPTY_CONTEXT, Table
from gpt_nas_jax.prior.reconstruct import Prior
from gpt_nas_jax.prior.vocabulary import Vocabulary, word
from gpt_nas_jax.spaces.blocks import BlockSpace
from gpt_nas_jax.types import Key, Space

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
      held_out: distinct ones measured on.
      windows: distinct windows learned from.
      gpt_perplexity: of the GPT.
      ngram_perplexity: of the better of two n-gram models: fitted to the windows of
        this phase, and of all phases so far, each weighing the same.
    """

    networks: int
    architectures: int
    held_out: int
    windows: int
    gpt_perplexity: float
    ngram_perplexity: float


@dataclasses.dataclass(frozen=True)
class PriorReport:
    """What the prior learned from and how well.

    Attributes:
      vocabulary_size: words, special tokens not counted.
      words_with_groups: how many there would be with numbers of groups kept as they
        are; the paper counts 168.
      corpus_hash: of the windows of both phases.
      pretrain: on the cells of a benchmark.
      finetune: on the human networks.
      fcn_accuracy: share of right genes where one begins: of the blocks of held-out
        human networks; in a space of cells, of the operations of random ones. Those
        without a layer cannot be told apart.
      fcn_layer_accuracy: the same at every layer; of cells no other is asked.
    """

    vocabulary_size: int
    words_with_groups: int
    corpus_hash: str
    pretrain: Quality
    finetune: Quality
    fcn_accuracy: float
    fcn_layer_accuracy: float


@dataclasses.dataclass(frozen=True, eq=False)
class Corpora:
    """Both phases' architectures, each split into (seen, held out).

    Attributes:
      vocabulary: of all of them.
      words_with_groups: see `PriorReport`.
      cells: the benchmark's networks.
      human: networks of the zoo; those that read the same are one.
      traces: of the zoo's networks, as (seen, held out).
    """

    vocabulary: Vocabulary
    words_with_groups: int
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
        words_with_groups=len(grouped.union(benchmark.words(True))),
        cells=corpus.hold_out(benchmark.architectures(cells, words), cell_key, holdout),
        human=(human.take(seen), human.take(held)),
        traces=tuple(
            [zoo_traces[index] for group in part for index in alike[group]]
            for part in (seen, held)
        ),
    )


def models(
    config: PriorConfig, vocabulary_size: int, num_genes: int = len(BLOCK_NAMES)
) -> tuple[GPT, FCN]:
    """The two networks of the prior; the FCN tells so many genes apart."""
    gpt = GPT(vocabulary_size, config.width)
    return gpt, FCN(vocabulary_size, num_genes)


def learn(
    config: PriorConfig,
    space: Space,
    corpora: Corpora,
    key: Key,
    progress: Progress,
) -> tuple[Prior, PriorReport]:
    """Pre-trains and fine-tunes the GPT, fits the FCN, and measures both.

    Each phase learns from its seen architectures and is measured on its held-out
    ones as soon as it ends.

    Args:
      config: sizes and lengths of the learning.
      space: whose genes the FCN proposes.
      corpora: what to learn from.
      key: decides initial parameters and the order of samples.
      progress: called as steps are done.
    """
    size = corpora.vocabulary.size
    table = tables.build(space, corpora.vocabulary)
    gpt, fcn = models(config, size, table.num_genes)
    init_key, pre_key, fine_key, fcn_key = jax.random.split(key, 4)
    params = jax.jit(gpt.init)(init_key, EMPTY_CONTEXT[None])["params"]
    phases: list[Windows] = []
    qualities = []
    for (seen, held), epochs, phase_key in (
        (corpora.cells, config.pretrain_epochs, pre_key),
        (corpora.human, config.finetune_epochs, fine_key),
    ):
        windows, held_windows = corpus.windows(seen), corpus.windows(held)
        schedule = Schedule(
            steps(config, len(windows), epochs), config.batch, config.learning_rate
        )
        params = fit.fit_gpt(gpt, params, windows, phase_key, schedule, progress)
        phases.append(windows)
        qualities.append(
            Quality(
                networks=int(seen.counts.sum() + held.counts.sum()),
                architectures=len(seen),
                held_out=len(held),
                windows=len(windows),
                gpt_perplexity=fit.perplexity(gpt, params, held_windows),
                ngram_perplexity=min(
                    ngram.perplexity(ngram.fit(known, size), held_windows)
                    for known in (windows, corpus.balanced(phases))
                ),
            )
        )
    fcn_params, accuracy = _learn_fcn(
        config, fcn, space, table, corpora, fcn_key, progress
    )
    report = PriorReport(
        vocabulary_size=len(corpora.vocabulary.words),
        words_with_groups=corpora.words_with_groups,
        corpus_hash="".join(windows.digest()[:32] for windows in phases),
        pretrain=qualities[0],
        finetune=qualities[1],
        fcn_accuracy=accuracy[0],
        fcn_layer_accuracy=accuracy[1],
    )
    return Prior(gpt, fcn, params, fcn_params, table), report


def steps(config: PriorConfig, windows: int, epochs: int) -> int:
    """Updates in so many passes over distinct windows."""
    return math.ceil(windows / config.batch) * epochs


def _learn_fcn(
    config: PriorConfig,
    fcn: FCN,
    space: Space,
    table: Table,
    corpora: Corpora,
    key: Key,
    progress: Progress,
) -> tuple[dict, tuple[float, float]]:
    random_key, init_key, fit_key = jax.random.split(key, 3)
    known, weights, held = _fcn_examples(space, table, corpora, random_key)
    params = jax.jit(fcn.init)(init_key, held.contexts[:1], held.tokens[:1])["params"]
    schedule = Schedule(config.fcn_steps, _FCN_BATCH, _FCN_RATE)
    params = fit.fit_fcn(fcn, params, known, weights, fit_key, schedule, progress)
    return params, fit.accuracy(fcn, params, held)


def _fcn_examples(
    space: Space, table: Table, corpora: Corpora, key: Key
) -> tuple[Examples, np.ndarray, Examples]:
    """What the FCN learns from, the weight of each example, and what is held out."""
    sample = jax.jit(space.sample, static_argnums=1)
    drawn = examples.of_genomes(sample(key, _RANDOM), table)
    if not isinstance(space, BlockSpace):
        # Human networks hold none of the operations of cells.
        others = sample(jax.random.fold_in(key, 1), _RANDOM)
        return drawn, np.ones(len(drawn)), examples.of_genomes(others, table)
    human, held = (
        examples.of_networks(traces, corpora.vocabulary) for traces in corpora.traces
    )
    weights = [
        np.full(len(human), (1 - _RANDOM_SHARE) / len(human)),
        np.full(len(drawn), _RANDOM_SHARE / len(drawn)),
    ]
    return examples.joined([human, drawn]), np.concatenate(weights), held
