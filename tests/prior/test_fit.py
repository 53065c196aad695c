"""Training: losses fall, keys determine results, the GPT learns what n-grams cannot."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest
from prior_support import phase_of

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.prior import examples, fit, learning, ngram
from gpt_nas_jax.prior.corpora import Phase
from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.fit import BlockLoss, NextLayerLoss, Progress
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.learning import State
from gpt_nas_jax.tokens import corpus
from gpt_nas_jax.tokens.corpus import CONTEXT, Architectures, Windows
from gpt_nas_jax.tokens.vocabulary import START, UNKNOWN

SIZE = 6
GPT_MODEL = GPT(SIZE, 8, num_layers=1)
FCN_MODEL = FCN(SIZE, num_blocks=3, embedding=4, hidden=16)
CONFIG = PriorConfig(batch=64, learning_rate=1e-2)
# 3 and 4 alternate after 2 2 2 2: predictable from five tokens, but not from four.
PERIOD = [3, 2, 2, 2, 2, 4, 2, 2, 2, 2]


def language(period: list[int], repeats: int) -> Windows:
    sequence = np.array(period * repeats, np.int32)
    return corpus.windows(Architectures((sequence,), np.ones(1)))


def quiet(count: int) -> None:
    pass


@jax.jit
def gpt_logits(params: Any, tokens: jax.Array) -> jax.Array:
    return GPT_MODEL.apply({"params": params}, tokens)


@pytest.fixture(scope="module")
def start() -> Any:
    """Initial parameters of the GPT."""
    context = np.zeros((1, CONTEXT), np.int32)
    return jax.jit(GPT_MODEL.init)(jax.random.key(0), context)["params"]


def fitted(
    start: Any,
    train: Windows,
    seed: int,
    steps: int,
    validation: Windows | None = None,
    patience: int = 0,
    progress: Progress = quiet,
) -> tuple[State, Phase]:
    """The state at the end of a phase that is measured every 50 steps."""
    phase = phase_of(train, validation or train, steps, interval=50)
    config = dataclasses.replace(CONFIG, patience=patience)
    state = learning.begin_with(start, config, [phase])
    keys = [jax.random.key(seed)]
    *_, last = learning.learn_gpt(GPT_MODEL, config, [phase], keys, state, progress)
    return last, phase


def params(start: Any, windows: Windows, seed: int, steps: int) -> Any:
    return fitted(start, windows, seed, steps)[0].kept


def same(one: Any, other: Any) -> bool:
    return jax.tree.all(jax.tree.map(np.array_equal, one, other))


@pytest.fixture(scope="module")
def periodic(start: Any) -> Any:
    """Parameters fitted to the periodic language."""
    return params(start, language(PERIOD, 12), seed=1, steps=300)


def test_the_gpt_learns_a_period_that_a_5_gram_cannot(periodic: Any):
    # With a context of four tokens, two positions in ten can only be guessed.
    windows = language(PERIOD, 40)
    model = ngram.fit(language(PERIOD, 12), SIZE)
    assert ngram.perplexity(model, windows) > 2**0.2
    assert fit.perplexity(GPT_MODEL, periodic, windows) < 1.05


def test_a_layer_unknown_in_the_context_is_no_obstacle(periodic: Any):
    windows = language(PERIOD, 12)
    tokens = windows.tokens.copy()
    tokens[:, 2] = UNKNOWN
    # Windows that begin with start tokens get no weight.
    blurred = Windows(tokens, windows.weights * (windows.tokens[:, 0] != START))
    assert fit.perplexity(GPT_MODEL, periodic, blurred) < 1.2


def test_the_key_decides_what_is_drawn(start: Any):
    windows = language(PERIOD, 12)
    first = params(start, windows, seed=1, steps=50)
    assert same(first, params(start, windows, seed=1, steps=50))
    assert not same(first, params(start, windows, seed=2, steps=50))


def test_windows_are_drawn_as_often_as_they_occur(start: Any):
    tokens = np.full((2, CONTEXT + 1), START, np.int32)
    tokens[:, -1] = 2, 3
    windows = Windows(tokens, np.array([9e6, 1e6]))
    found = params(start, windows, seed=1, steps=300)
    logits = gpt_logits(found, tokens[:1, :-1])[0, -1]
    share, rest = jax.nn.softmax(logits)[2:4]
    assert float(share) == pytest.approx(0.9, abs=0.06)
    assert float(rest) == pytest.approx(0.1, abs=0.06)


def test_progress_counts_every_step_and_no_steps_change_nothing(start: Any):
    counts: list[int] = []
    windows = language(PERIOD, 12)
    for steps in (110, 0):
        state, _ = fitted(start, windows, 0, steps, progress=counts.append)
        assert sum(counts) == 110
        assert state.step == steps
    assert same(state.kept, start)


def test_overfitting_is_stopped_and_undone(start: Any):
    generator = np.random.default_rng(0)
    train, validation = (
        Windows(generator.integers(2, SIZE, (20, CONTEXT + 1)), np.ones(20))
        for _ in range(2)
    )
    state, phase = fitted(start, train, 1, 1000, validation, patience=2)
    points = state.curve(0, phase)
    losses = [point.held_out_loss for point in points]
    best = int(np.argmin(losses))
    # Noise does not generalise, so the validation losses soon rise.
    assert best > 0
    assert len(points) == best + 3 < 1000 / 50
    assert [point.step for point in points] == [50 * n for n in range(len(points))]
    perplexity = fit.perplexity(GPT_MODEL, state.kept, validation)
    assert perplexity == pytest.approx(np.exp(min(losses)))
    # The same draws up to that step, without patience.
    last, path = fitted(start, train, 1, points[best].step, validation)
    assert same(state.kept, last.kept)
    assert last.curve(0, path) == points[: best + 1]
    assert points[0].train_loss is None
    assert points[-1].train_loss < points[1].train_loss


def test_the_loss_is_the_mean_over_all_layers_but_the_lead_in(start: Any):
    windows = language(PERIOD, 2)
    inputs, targets = windows.tokens[:, :-1], windows.tokens[:, 1:]
    logits = np.asarray(gpt_logits(start, inputs), np.float64)
    normalisers = np.log(np.exp(logits).sum(-1))
    losses = [
        normalisers[row, place] - logits[row, place, target]
        for (row, place), target in np.ndenumerate(targets)
        if target != START
    ]
    assert len(losses) < targets.size
    loss = jax.jit(NextLayerLoss(GPT_MODEL))(start, (inputs, targets))
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-5)


def test_perplexity_of_a_gpt_that_knows_nothing_is_the_size_of_the_vocabulary(
    start: Any,
):
    nothing = jax.tree.map(np.zeros_like, start)
    perplexity = fit.perplexity(GPT_MODEL, nothing, language(PERIOD, 3))
    assert perplexity == pytest.approx(SIZE, rel=1e-5)


def test_perplexity_weighs_windows_and_takes_more_than_one_batch(start: Any):
    generator = np.random.default_rng(0)
    tokens = generator.integers(2, SIZE, (4116, CONTEXT + 1)).astype(np.int32)
    # Only the first and the last of these occur.
    weights = np.zeros(len(tokens))
    weights[[0, -1]] = 3, 1
    ends = tokens[[0, -1]]
    probabilities = jax.nn.softmax(gpt_logits(start, ends[:, :-1])[:, -1])
    first, last = (float(probabilities[row, ends[row, -1]]) for row in (0, 1))
    perplexity = fit.perplexity(GPT_MODEL, start, Windows(tokens, weights))
    assert perplexity == pytest.approx((first**3 * last) ** (-1 / 4), rel=1e-5)


@pytest.fixture(scope="module")
def blocks() -> Examples:
    """Examples whose block is determined by the layer and the one before it."""
    generator = np.random.default_rng(0)
    contexts = generator.integers(2, SIZE, (300, CONTEXT)).astype(np.int32)
    tokens = generator.integers(2, SIZE, 300).astype(np.int32)
    labels = (tokens + contexts[:, -1]) % 3
    return Examples(contexts, tokens, labels, generator.random(300) < 0.3)


def blank(blocks: Examples) -> Any:
    """Initial parameters of the FCN."""
    return fitted_fcn(blocks, np.ones(len(blocks)), seed=0, steps=0)


def fitted_fcn(
    blocks: Examples, weights: np.ndarray, seed: int, steps: int = 1000
) -> Any:
    keys = jax.random.key(0), jax.random.key(seed)
    return fit.fit_fcn(FCN_MODEL, blocks, weights, keys, steps, quiet)


def test_the_fcn_reads_layer_and_context(blocks: Examples):
    weights = np.ones(len(blocks))
    params = fitted_fcn(blocks, weights, seed=1)
    batch = blocks.contexts, blocks.tokens, blocks.labels
    loss = jax.jit(BlockLoss(FCN_MODEL))
    assert loss(params, batch) < loss(blank(blocks), batch) / 4
    # Neither alone determines the block.
    assert min(fit.accuracy(FCN_MODEL, params, blocks)) > 0.9
    first, again, other = (
        fitted_fcn(blocks, weights, seed, steps=50) for seed in (1, 1, 2)
    )
    assert same(first, again)
    assert not same(first, other)


def test_examples_of_no_weight_are_never_learned(blocks: Examples):
    wrong = dataclasses.replace(blocks, labels=(blocks.labels + 1) % 3)
    both = examples.joined([blocks, wrong])
    weights = np.repeat([1.0, 0.0], len(blocks))
    params = fitted_fcn(both, weights, seed=1)
    assert fit.accuracy(FCN_MODEL, params, blocks)[1] > 0.9


def test_accuracy_by_hand(blocks: Examples):
    # All parameters are zero except one bias, so the answer is always block 1.
    params = jax.tree.map(np.zeros_like, blank(blocks))
    params["Dense_2"]["bias"][1] = 1
    right = blocks.labels == 1
    assert fit.accuracy(FCN_MODEL, params, blocks) == (
        right[blocks.starts].mean(),
        right.mean(),
    )
