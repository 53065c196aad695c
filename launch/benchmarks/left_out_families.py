"""How well a prior models a family of networks unseen in training.

    python launch/benchmarks/left_out_families.py --flagfile=launch/digits.flags

Takes the flags of a run. For each seed the GPT is pre-trained on cells once. Then, for
each of the seven families of human networks in turn, it is fine-tuned on the other
families, except for networks with the tokens of one of the family. The FCN learns from
the same networks.

Prints means over seeds. For each family: its networks; the perplexity of its layers
under the GPT, under the GPT mixed with as many uniform proposals as in a search, under
a GPT that was not pre-trained, under the n-gram model of the same context, and under a
uniform guess; and the probability of the correct block where a block begins, under GPT
and FCN together, under the n-gram model and the FCN, and under an n-gram model of
blocks that reads the last three.
"""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config
from gpt_nas_jax.networks.trace import Trace, trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.prior import examples, fit, learning, ngram, ngram_table, smoothing
from gpt_nas_jax.prior.benchmarks import BENCHMARKS
from gpt_nas_jax.prior.controls import NGramPrior
from gpt_nas_jax.prior.corpora import Corpora, Phase, build_corpora, build_phase
from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.ngram import NGram
from gpt_nas_jax.prior.prior import LayerPrior
from gpt_nas_jax.reports.terminal import progress, show_table
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.stages import pretrain, problem
from gpt_nas_jax.strategies.gpt_nas import GptNas
from gpt_nas_jax.tokens import corpus
from gpt_nas_jax.tokens.corpus import Architectures, Windows
from gpt_nas_jax.tokens.vocabulary import NUM_SPECIAL, Vocabulary, word
from gpt_nas_jax.types import Key, Tokens, UsageError

_SEEDS = 3
_LAST_BLOCKS = 3
_CLASSES = 1000
_ROWS = 64
_COLUMNS = (
    "family",
    "networks",
    "GPT",
    "mixed",
    "not pre-trained",
    "n-gram",
    "uniform",
    "block: GPT",
    "block: n-gram",
    "block: last 3",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Pretrained:
    """A GPT pre-trained on cells.

    Attributes:
      model: the GPT.
      params: its parameters.
      cells: its corpus.
    """

    model: GPT
    params: Any
    cells: Phase


def left_out(corpora: Corpora, traces: dict[str, Trace], family: str) -> Corpora:
    """The human networks, with those of one family as the test part."""
    words = corpora.vocabulary
    inside = [one for name, one in traces.items() if ZOO[name].family == family]
    readings = {_read(words, one).tobytes() for one in inside}
    others = [
        one for one in traces.values() if _read(words, one).tobytes() not in readings
    ]
    learned, tested = (
        _architectures([_read(words, one) for one in part]) for part in (others, inside)
    )
    return dataclasses.replace(
        corpora, human=(learned, tested), traces=(others, inside)
    )


def _read(words: Vocabulary, one: Trace) -> np.ndarray:
    return words.encode(word(part.layer) for part in one.layers)


def _architectures(sequences: Sequence[np.ndarray]) -> Architectures:
    return corpus.distinct(sequences, corpus.alike(sequences))


def begin(config: Config, corpora: Corpora, key: Key) -> Pretrained:
    """Pre-trains on the cells."""
    settings = config.prior
    model, _ = learning.models(settings, corpora.vocabulary.size, 1)
    stop_key, init_key, learn_key = jax.random.split(key, 3)
    cells = build_phase(settings, corpora.cells, settings.pretrain_epochs, stop_key)
    params = _initial(model, cells, init_key)
    return Pretrained(model, _learned(config, model, params, cells, learn_key), cells)


def measure(
    config: Config, space: ReadableSpace, before: Pretrained, parts: Corpora, key: Key
) -> tuple[float, ...]:
    """The numbers of a family, in the order of the table's columns."""
    settings, model = config.prior, before.model
    stop_key, init_key, tune_key, fcn_key = jax.random.split(key, 4)
    human = build_phase(settings, parts.human, settings.finetune_epochs, stop_key)
    tuned = _learned(config, model, before.params, human, tune_key)
    fresh = _initial(model, human, init_key)
    alone = _learned(config, model, fresh, human, tune_key)
    words, phases = parts.vocabulary, (before.cells, human)
    size = len(words.words)
    prior, places = learning.with_fcn(
        settings, space, parts, phases, model, tuned, fcn_key, _quiet
    )
    counted = smoothing.baseline(phases, words.size, settings.context + 1)
    perplexity, right = of_ngram(counted, prior, human.test, places)
    return (
        fit.perplexity(model, tuned, human.test),
        _mixed(model, tuned, human.test, size),
        fit.perplexity(model, alone, human.test),
        perplexity,
        float(size),
        _right(prior, places),
        right,
        _looked_up(parts, space),
    )


def of_ngram(
    model: NGram, prior: LayerPrior, windows: Windows, places: Examples
) -> tuple[float, float]:
    """The perplexity of an n-gram model, and how likely it makes the correct block.

    Args:
      model: of layers.
      prior: whose FCN maps layers to blocks.
      windows: that the perplexity is measured on.
      places: where blocks begin.
    """
    table = ngram_table.table_of(model)
    counted = NGramPrior(prior.fcn, prior.fcn_params, prior.table, table)
    return ngram.perplexity(model, windows), _right(counted, places)


def _quiet(count: int) -> None:
    """Shows no steps."""


def _initial(model: GPT, phase: Phase, key: Key) -> Any:
    return jax.jit(model.init)(key, phase.train.tokens[:1, :-1])["params"]


def _learned(config: Config, model: GPT, params: Any, phase: Phase, key: Key) -> Any:
    state = learning.begin_with(params, config.prior, [phase])
    states = learning.learn_gpt(model, config.prior, [phase], [key], state, _quiet)
    *_, last = states
    return last.kept


def _mixed(model: GPT, params: Any, windows: Windows, words: int) -> float:
    share = GptNas.uniform_share
    likely = np.exp(-fit.last_layer_losses(model, params, windows.tokens))
    losses = -np.log((1 - share) * likely + share / words)
    return float(np.exp(np.average(losses, weights=windows.weights)))


def _right(prior: LayerPrior, places: Examples) -> float:
    """Mean probability of the correct block at positions where one begins."""
    contexts, labels = places.contexts[places.starts], places.labels[places.starts]
    distinct, where = np.unique(contexts, axis=0, return_inverse=True)
    chances = np.concatenate(
        [
            np.asarray(_chances(prior, distinct[start : start + _ROWS]))
            for start in range(0, len(distinct), _ROWS)
        ]
    )
    return float(chances[where.ravel(), labels].mean())


@jax.jit
def _chances(prior: LayerPrior, contexts: Tokens) -> jax.Array:
    return jax.nn.softmax(prior.logits(contexts))


def _looked_up(corpora: Corpora, space: ReadableSpace) -> float:
    """The same for an n-gram model of blocks."""
    words = corpora.vocabulary
    seen, test = (
        corpus.windows(_architectures([_blocks(words, space, one) for one in part]))
        for part in corpora.traces
    )
    model = ngram.fit(seen, len(space.human_genes), _LAST_BLOCKS + 1)
    return float(np.average(model.probabilities(test.tokens), weights=test.weights))


def _blocks(words: Vocabulary, space: ReadableSpace, one: Trace) -> np.ndarray:
    layers = examples.of_networks([one], words, space.human_genes)
    return layers.labels[layers.starts] + NUM_SPECIAL


def run(config: Config) -> dict[str, list[tuple[float, ...]]]:
    """The numbers of every family, one tuple per seed."""
    space, cells = problem.load(config).space, pretrain.read_cells(config.prior)
    traces = {
        name: trace(entry.build(_CLASSES), entry.image) for name, entry in ZOO.items()
    }
    benchmark = BENCHMARKS[config.prior.corpus]
    families = list(dict.fromkeys(entry.family for entry in ZOO.values()))
    found: dict[str, list[tuple[float, ...]]] = {family: [] for family in families}
    with progress("families left out", _SEEDS * len(families)) as advance:
        for seed in range(config.seed, config.seed + _SEEDS):
            split_key, learn_key, *keys = jax.random.split(
                jax.random.key(seed), 2 + len(families)
            )
            corpora = build_corpora(
                cells, [*traces.values()], split_key, config.prior.holdout, benchmark
            )
            before = begin(config, corpora, learn_key)
            for family, key in zip(families, keys, strict=True):
                parts = left_out(corpora, traces, family)
                found[family].append(measure(config, space, before, parts, key))
                advance()
    return found


def row(family: str, found: Sequence[tuple[float, ...]]) -> tuple[str, ...]:
    """A line of the table."""
    *perplexities, prior, counted, looked_up = np.mean(found, 0)
    return (
        family,
        str(sum(entry.family == family for entry in ZOO.values())),
        *(f"{value:.4g}" for value in perplexities),
        *(f"{value:.3f}" for value in (prior, counted, looked_up)),
    )


def main(argv: list[str]) -> int:
    try:
        config = flags.parse(argv)
        found = run(config)
    except UsageError as error:
        print(f"left_out_families: {error}", file=sys.stderr)
        return 2
    show_table(
        f"One family left out, means of {_SEEDS} seeds",
        _COLUMNS,
        [row(family, each) for family, each in found.items()],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
