"""Trains a prior: the GPT in two phases, then the FCN.

The training of the GPT can be resumed at every measurement; its `State` is a pytree.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flax.struct
import jax
import numpy as np

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.prior import fit, lessons, report
from gpt_nas_jax.prior.corpora import Corpora, Phase
from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.fit import Batch, NextLayerLoss, Progress
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.report import Point, PriorReport, Quality
from gpt_nas_jax.spaces.protocol import ReadableSpace
from gpt_nas_jax.tokens import corpus
from gpt_nas_jax.tokens.corpus import Windows
from gpt_nas_jax.tokens.reading import empty_context
from gpt_nas_jax.types import Key

PHASES = ("pretrain", "finetune")
PARTS = ("reading", "pretrain", "measuring", "finetune", "fcn")
"""The parts of the training that a `State` times."""


@flax.struct.dataclass
class State:
    """The GPT's training state at a measurement, from which it can be resumed.

    ``P`` is the number of phases, ``M`` the number of measurements in the longest one.
    Pending measurements are 0. Numbers are NumPy arrays, since JAX lacks float64 by
    default.

    Attributes:
      step: ``int32[]``, updates so far, in all phases.
      phase: ``int32[]``, index of the current phase; ``P`` once all have ended.
      params: parameters after the last update.
      optimizer: optimiser state after the last update.
      kept: the best parameters of the phase so far.
      measurements: ``int32[P]``, number of measurements so far.
      kept_at: ``int32[P]``, index of the measurement of ``kept``.
      train_losses: ``float64[P, M]``, in nats; see `Point`.
      losses: ``float64[P, M]``, in nats, on the validation windows.
      perplexities: ``float64[P]``, on the test windows at the end of each phase.
      seconds: ``float64[len(PARTS)]``, spent so far.
    """

    step: np.ndarray
    phase: np.ndarray
    params: Any
    optimizer: Any
    kept: Any
    measurements: np.ndarray
    kept_at: np.ndarray
    train_losses: np.ndarray
    losses: np.ndarray
    perplexities: np.ndarray
    seconds: np.ndarray

    def measured(self, train_loss: float, loss: float, patience: int) -> "State":
        """Adds a measurement of the current parameters.

        They are kept if their loss is the lowest so far; without patience, always.
        NaN counts as higher than any number.
        """
        phase = int(self.phase)
        count, kept_at = self.measurements[phase], self.kept_at[phase]
        lowest = self.losses[phase, kept_at]
        better = loss < (math.inf if math.isnan(lowest) else lowest)
        better = better or not count or not patience
        return self.replace(
            kept=self.params if better else self.kept,
            measurements=_put(self.measurements, phase, count + 1),
            kept_at=_put(self.kept_at, phase, count if better else kept_at),
            train_losses=_put(self.train_losses, (phase, count), train_loss),
            losses=_put(self.losses, (phase, count), loss),
        )

    @property
    def stale(self) -> int:
        """Measurements of the current phase since the kept parameters."""
        phase = int(self.phase)
        return int(self.measurements[phase] - 1 - self.kept_at[phase])

    def spent(self, part: str, seconds: float) -> "State":
        """Adds seconds to one of `PARTS`."""
        index = PARTS.index(part)
        return self.replace(
            seconds=_put(self.seconds, index, self.seconds[index] + seconds)
        )

    def curve(self, index: int, phase: Phase) -> tuple[Point, ...]:
        """The learning curve of a phase."""
        train, losses = self.train_losses[index], self.losses[index]
        return tuple(
            Point(phase.step(n), float(train[n]) if n else None, float(losses[n]))
            for n in range(self.measurements[index])
        )


def models(
    config: PriorConfig, vocabulary_size: int, num_genes: int
) -> tuple[GPT, FCN]:
    """The two networks of the prior; the FCN distinguishes ``num_genes`` genes."""
    return gpt(config, vocabulary_size), FCN(vocabulary_size, num_genes)


def gpt(config: PriorConfig, vocabulary_size: int) -> GPT:
    """The GPT alone."""
    return GPT(vocabulary_size, config.width, context=config.context)


def begin(
    config: PriorConfig, corpora: Corpora, phases: Sequence[Phase], key: Key
) -> State:
    """The initial state of `learn`, for the same arguments."""
    model = gpt(config, corpora.vocabulary.size)
    init_key, *_ = jax.random.split(key, 5)
    empty = empty_context(config.context)[None]
    params = jax.jit(model.init)(init_key, empty)["params"]
    return begin_with(params, config, phases)


def begin_with(params: Any, config: PriorConfig, phases: Sequence[Phase]) -> State:
    """The initial state with given parameters of the GPT."""
    rows, columns = len(phases), max(phase.measurements for phase in phases)
    return State(
        step=np.zeros((), np.int32),
        phase=np.zeros((), np.int32),
        params=params,
        optimizer=fit.adam(config.learning_rate).init(params),
        kept=params,
        measurements=np.zeros(rows, np.int32),
        kept_at=np.zeros(rows, np.int32),
        train_losses=np.zeros((rows, columns)),
        losses=np.zeros((rows, columns)),
        perplexities=np.zeros(rows),
        seconds=np.zeros(len(PARTS)),
    )


def learn(
    config: PriorConfig,
    space: ReadableSpace,
    corpora: Corpora,
    phases: tuple[Phase, Phase],
    key: Key,
    state: State,
    progress: Progress,
    after: Callable[[State], None] = lambda state: None,
) -> tuple[Prior, PriorReport]:
    """Pre-trains and fine-tunes the GPT, trains the FCN, and measures both.

    Args:
      config: sizes of the models and lengths of the training.
      space: whose genes the FCN proposes.
      corpora: the training data.
      phases: of the GPT, made from ``corpora``.
      key: of initial parameters, order of samples and the report's samples.
      state: from `begin`, or a later one of the same training; the result is the same.
      progress: called after steps.
      after: called with each state of `learn_gpt`.
    """
    words = corpora.vocabulary
    model = gpt(config, words.size)
    _, pretrain_key, finetune_key, fcn_key, show_key = jax.random.split(key, 5)
    keys = (pretrain_key, finetune_key)
    for latest in learn_gpt(model, config, phases, keys, state, progress):
        state = latest
        after(state)
    clock = _Stopwatch()
    qualities = tuple(_quality(state, phases[: n + 1], words.size) for n in range(2))
    state = state.spent("measuring", clock.lap())
    prior, test = with_fcn(
        config, space, corpora, phases, model, state.kept, fcn_key, progress
    )
    state = state.spent("fcn", clock.lap())
    made = report.measure(prior, space, corpora, phases, qualities, test, show_key)
    state = state.spent("measuring", clock.lap())
    seconds = {
        part: round(float(value), 1)
        for part, value in zip(PARTS, state.seconds, strict=True)
    }
    return prior, dataclasses.replace(made, seconds=seconds)


def with_fcn(
    config: PriorConfig,
    space: ReadableSpace,
    corpora: Corpora,
    phases: Sequence[Phase],
    model: GPT,
    params: Any,
    key: Key,
    progress: Progress,
) -> tuple[Prior, Examples]:
    """Trains the FCN for a trained GPT; returns the prior and the FCN's test examples.

    Args:
      config: sets the length of the FCN's training.
      space: whose genes the FCN predicts.
      corpora: the training data.
      phases: that the GPT was trained in.
      model: the GPT.
      params: its parameters.
      key: of examples, initial parameters and order of samples.
      progress: called after steps.
    """
    words = corpora.vocabulary
    table = space.reading(words, model.context)
    _, fcn = models(config, words.size, table.num_genes)
    examples_key, init_key, fit_key = jax.random.split(key, 3)
    traces, test_traces = corpora.traces
    surprise = functools.partial(fit.last_layer_losses, model, params)
    asked = space, table, words
    train, weights = lessons.to_learn(*asked, traces, surprise, examples_key)
    test = lessons.to_measure(*asked, test_traces, surprise, examples_key)
    fcn_params = fit.fit_fcn(
        fcn, train, weights, (init_key, fit_key), config.fcn_steps, progress
    )
    blocks = lessons.count_blocks(space, words, traces, table.num_genes)
    return Prior(fcn, fcn_params, table, model, params, seen(phases), blocks), test


def seen(phases: Sequence[Phase]) -> Windows:
    """All training and validation windows of the GPT, phases weighted equally."""
    return corpus.balanced([phase.known for phase in phases])


def learn_gpt(
    model: GPT,
    config: PriorConfig,
    phases: Sequence[Phase],
    keys: Sequence[Key],
    state: State,
    progress: Progress,
) -> Iterator[State]:
    """Trains in each phase, starting from the parameters kept in the previous one.

    Args:
      model: the GPT.
      config: batch, learning rate and patience.
      phases: at most as many as `PHASES`.
      keys: one per phase, for sampling.
      state: the initial one, or one of those yielded.
      progress: called after steps.

    Yields:
      The state at each measurement and at the end of each phase. The last one has
      the trained parameters in ``kept``.
    """
    clock = _Stopwatch()
    for index in range(int(state.phase), len(phases)):
        name, phase = PHASES[index], phases[index]
        draw = _drawing(phase, keys[index], config.batch)
        if not state.measurements[index]:
            state = _measure(model, state, phase, 0.0, config.patience)
            state = state.spent(name, clock.lap())
            yield state
        else:
            # Advances the random state to where the phase was interrupted.
            for count in fit.calls(0, phase.step(state.measurements[index] - 1)):
                draw(count)
        while not ended(state, phase, config.patience):
            state, train_loss = _advance(model, config, state, phase, draw, progress)
            state = _measure(model, state, phase, train_loss, config.patience)
            state = state.spent(name, clock.lap())
            yield state
        state = _end(model, config, state, phase).spent("measuring", clock.lap())
        yield state


def _drawing(phase: Phase, key: Key, batch: int) -> Callable[[int], Batch]:
    """Returns a function that samples windows for some updates, by frequency."""
    sampler, tokens = fit.Sampler(phase.train.weights, key), phase.train.tokens

    def draw(count: int) -> Batch:
        rows = tokens[sampler.rows((count, batch))]
        return sampler.forget(rows[..., :-1]), rows[..., 1:]

    return draw


def ended(state: State, phase: Phase, patience: int) -> bool:
    """Whether the current phase has no more updates to make."""
    if patience and state.stale >= patience:
        return True
    return bool(state.measurements[int(state.phase)] == phase.measurements)


def _advance(
    model: GPT,
    config: PriorConfig,
    state: State,
    phase: Phase,
    draw: Callable[[int], Batch],
    progress: Progress,
) -> tuple[State, float]:
    """Makes the updates up to the next measurement; also returns their mean loss."""
    place = int(state.measurements[int(state.phase)])
    start, stop = phase.step(place - 1), phase.step(place)
    loss, adam = NextLayerLoss(model), fit.adam(config.learning_rate)
    params, optimizer, losses = state.params, state.optimizer, []
    for count in fit.calls(start, stop):
        params, optimizer, some = fit.update(loss, adam, params, optimizer, draw(count))
        progress(count)
        losses.append(some)
    step = np.array(state.step + stop - start, np.int32)
    state = state.replace(step=step, params=params, optimizer=optimizer)
    return state, float(np.mean(np.concatenate(losses)))


def _measure(
    model: GPT, state: State, phase: Phase, train_loss: float, patience: int
) -> State:
    loss = fit.last_layer_loss(model, state.params, phase.validation)
    return state.measured(train_loss, loss, patience)


def _end(model: GPT, config: PriorConfig, state: State, phase: Phase) -> State:
    """Ends the current phase with the kept parameters."""
    index = int(state.phase)
    perplexity = fit.perplexity(model, state.kept, phase.test)
    return state.replace(
        phase=np.array(index + 1, np.int32),
        params=state.kept,
        optimizer=fit.adam(config.learning_rate).init(state.kept),
        perplexities=_put(state.perplexities, index, perplexity),
    )


def _quality(state: State, phases: Sequence[Phase], vocabulary_size: int) -> Quality:
    """The quality after the last of these phases."""
    index, phase = len(phases) - 1, phases[-1]
    return report.quality(
        phases,
        state.curve(index, phase),
        phase.step(int(state.kept_at[index])),
        float(state.perplexities[index]),
        vocabulary_size,
    )


def _put(array: np.ndarray, index: int | tuple[int, int], value: float) -> np.ndarray:
    """Copies an array with one value replaced."""
    array = array.copy()
    array[index] = value
    return array


class _Stopwatch:
    """Measures the seconds since the last lap."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def lap(self) -> float:
        before, self._since = self._since, time.perf_counter()
        return self._since - before
