"""The corpora of a prior, and their train, validation and test parts.

Architectures are never divided between parts. The GPT is trained on the train part. The
learning curve is measured on the validation part, which decides when to stop. The test
part takes no part in any choice, so the result measured on it is unbiased.
"""

import dataclasses
import math

import jax

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.prior.benchmarks import NASBENCH101, CellBenchmark
from gpt_nas_jax.prior.fit import STEPS_A_CALL
from gpt_nas_jax.spaces.nasbench101.corpus import Columns
from gpt_nas_jax.tokens import corpus, vocabulary
from gpt_nas_jax.tokens.corpus import Architectures, Windows
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word
from gpt_nas_jax.types import Key

# Between two measurements, since one costs as much as a few dozen steps.
_PASSES = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Corpora:
    """The architectures of both phases, each as (train and validation, test).

    Attributes:
      vocabulary: of both corpora.
      words_with_groups: the words if numbers of groups were kept.
      cells: the benchmark's networks.
      human: networks of the zoo; those with equal tokens are one architecture.
      traces: of the zoo's networks, split in the same way.
    """

    vocabulary: Vocabulary
    words_with_groups: frozenset[str]
    cells: tuple[Architectures, Architectures]
    human: tuple[Architectures, Architectures]
    traces: tuple[list[Trace], list[Trace]]


@dataclasses.dataclass(frozen=True, eq=False)
class Phase:
    """One training phase of the GPT: the parts of its corpus, and its length.

    Attributes:
      networks: number in the corpus.
      sizes: distinct architectures for (train, validation, test).
      train: windows to train on.
      validation: windows that the learning curve is measured on; without patience
        those of ``test``.
      test: windows that the result is measured on.
      known: windows of all architectures except those of ``test``.
      parts: ``known`` in two, to fit a baseline to and to choose its smoothing by; with
        patience ``train`` and ``validation``.
      pass_steps: updates in one pass over ``train``.
      steps: updates, at most.
      interval: updates between two measurements, a multiple of `STEPS_A_CALL`; a
        measurement also precedes the first update and follows the last.
    """

    networks: int
    sizes: tuple[int, int, int]
    train: Windows
    validation: Windows
    test: Windows
    known: Windows
    parts: tuple[Windows, Windows]
    pass_steps: int
    steps: int
    interval: int

    @property
    def measurements(self) -> int:
        """Measurements of the learning curve, at most."""
        return 1 + math.ceil(self.steps / self.interval)

    def step(self, measurement: int) -> int:
        """Updates before a measurement, counted from 0."""
        return min(measurement * self.interval, self.steps)


def build_corpora(
    cells: Columns,
    zoo_traces: list[Trace],
    key: Key,
    holdout: float,
    benchmark: CellBenchmark = NASBENCH101,
) -> Corpora:
    """Tokenises both corpora and holds out architectures of each for the test.

    Args:
      cells: columns of the benchmark.
      zoo_traces: the human-designed networks.
      key: decides which architectures are held out.
      holdout: fraction of the architectures that is held out, in [0, 1].
      benchmark: turns the cells into tokens.

    Raises:
      UsageError: a corpus has fewer than two distinct architectures.
    """
    networks = [[word(part.layer) for part in trace.layers] for trace in zoo_traces]
    words = vocabulary.build([*networks, benchmark.words(False)])
    grouped = {word(p.layer, True) for trace in zoo_traces for p in trace.layers}
    cell_key, human_key = jax.random.split(key)
    # Networks that differ only in widths have the same tokens; they stay together.
    tokens = [words.encode(network) for network in networks]
    alike = corpus.alike(tokens)
    human = corpus.distinct(tokens, alike)
    rest, test = corpus.split(len(alike), human_key, holdout)
    return Corpora(
        vocabulary=words,
        words_with_groups=frozenset(grouped.union(benchmark.words(True))),
        cells=corpus.hold_out(benchmark.architectures(cells, words), cell_key, holdout),
        human=(human.take(rest), human.take(test)),
        traces=tuple(
            [zoo_traces[index] for group in part for index in alike[group]]
            for part in (rest, test)
        ),
    )


def build_phases(
    config: PriorConfig, corpora: Corpora, key: Key
) -> tuple[Phase, Phase]:
    """Pre-training and fine-tuning; see `build_phase`."""
    keys = jax.random.split(key)
    return (
        build_phase(config, corpora.cells, config.pretrain_epochs, keys[0]),
        build_phase(config, corpora.human, config.finetune_epochs, keys[1]),
    )


def build_phase(
    config: PriorConfig,
    parts: tuple[Architectures, Architectures],
    epochs: int,
    key: Key,
) -> Phase:
    """Builds a training phase on a corpus.

    Args:
      config: of the prior. With ``patience``, the fraction ``holdout`` of the train and
        validation part is for validation.
      parts: the corpus as (train and validation, test).
      epochs: passes over the distinct windows, at most.
      key: decides which architectures are for validation.

    Raises:
      UsageError: there are too few architectures to split.
    """
    rest, test = parts
    test_windows = corpus.windows(test, config.context)
    if config.patience or len(rest) > 1:
        learned, kept = corpus.hold_out(rest, key, config.holdout)
        halves = tuple(corpus.windows(part, config.context) for part in (learned, kept))
        known = corpus.joined(halves)
    else:
        # A single architecture cannot be split.
        known = corpus.windows(rest, config.context)
        halves = known, known
    train, validation, validation_size = known, test_windows, 0
    if config.patience:
        (train, validation), validation_size = halves, len(kept)
    return Phase(
        networks=int(rest.counts.sum() + test.counts.sum()),
        sizes=(len(rest) - validation_size, validation_size, len(test)),
        train=train,
        validation=validation,
        test=test_windows,
        known=known,
        parts=halves,
        pass_steps=steps(config, len(train), 1),
        steps=steps(config, len(train), epochs),
        interval=interval(config, len(train)),
    )


def steps(config: PriorConfig, windows: int, epochs: int) -> int:
    """Number of updates in ``epochs`` passes over distinct windows."""
    return math.ceil(windows / config.batch) * epochs


def interval(config: PriorConfig, windows: int) -> int:
    """Number of updates between measurements: about two passes, in whole calls."""
    calls = round(steps(config, windows, _PASSES) / STEPS_A_CALL)
    return STEPS_A_CALL * max(1, calls)
