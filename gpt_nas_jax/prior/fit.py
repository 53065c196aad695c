"""Fitting the GPT and the FCN to weighted samples."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import jax
import numpy as np
import optax

from gpt_nas_jax.prior.curve import Course, Point, Round, follow
from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.tokens.corpus import Windows
from gpt_nas_jax.tokens.vocabulary import START, UNKNOWN
from gpt_nas_jax.types import Key

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of steps done since the last call."""

AfterRound: TypeAlias = Callable[[Course], None]
"""Called with how far learning has come."""

Batch: TypeAlias = tuple[np.ndarray, ...]

STEPS_A_CALL = 50
"""Updates in one call of a jitted program."""
_EVALUATION_BATCH = 4096
# So that the models know what to make of a layer that the corpus does not hold.
_UNKNOWN_SHARE = 0.02


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
      steps: updates.
      batch: samples an update.
      learning_rate: of Adam, constant.
      interval: updates between two measurements, a multiple of `STEPS_A_CALL`; the last
        update is followed by one in any case.
      patience: stop when so many measurements have brought no lower loss; 0: never.
    """

    steps: int
    batch: int
    learning_rate: float
    interval: int
    patience: int


@dataclasses.dataclass(frozen=True)
class NextLayerLoss:
    """Mean cross-entropy of every layer of windows ``int32[B, CONTEXT + 1]``."""

    model: GPT

    def __call__(self, params: Any, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
        inputs, targets = batch
        logits = self.model.apply({"params": params}, inputs)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        real = targets != START
        return (losses * real).sum() / real.sum()


@dataclasses.dataclass(frozen=True)
class BlockLoss:
    """Mean cross-entropy of the block of (context, layer, label)."""

    model: FCN

    def __call__(self, params: Any, batch: tuple[jax.Array, ...]) -> jax.Array:
        context, token, label = batch
        logits = self.model.apply({"params": params}, context, token)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, label)
        return losses.mean()


def fit_gpt(
    model: GPT,
    params: Any,
    windows: Windows,
    held: Windows,
    key: Key,
    schedule: Schedule,
    progress: Progress,
    course: Course | None = None,
    after_round: AfterRound = lambda course: None,
) -> tuple[Any, tuple[Point, ...]]:
    """Fits the GPT to windows, drawn as often as they occur.

    Args:
      model: the GPT.
      params: to start from.
      windows: to learn from.
      held: windows that the curve is measured on, and that decide, where the schedule
        has patience, which parameters are kept.
      key: decides what is drawn.
      schedule: how long and how fast.
      progress: called as steps are done.
      course: of this very learning, to go on from instead, with the same result.
      after_round: called with the course up to every measurement.

    Returns:
      Parameters, and the curve, which begins before the first update.
    """
    sampler = _Sampler(windows.weights, key)

    def batches(count: int) -> Batch:
        rows = windows.tokens[sampler.rows((count, schedule.batch))]
        return sampler.forget(rows[..., :-1]), rows[..., 1:]

    begun = None if course is None else course.now
    rounds = _fit(NextLayerLoss(model), params, batches, schedule, progress, begun)
    measure = functools.partial(held_out_loss, model, windows=held)
    for reached in follow(rounds, measure, schedule.patience, course):
        course = reached
        after_round(course)
    return course.kept, course.points


def fit_fcn(
    model: FCN,
    params: Any,
    examples: Examples,
    weights: np.ndarray,
    key: Key,
    schedule: Schedule,
    progress: Progress,
) -> Any:
    """Fits the FCN to examples drawn by ``weights[N]``; returns the last parameters."""
    sampler = _Sampler(weights, key)

    def batches(count: int) -> Batch:
        rows = sampler.rows((count, schedule.batch))
        contexts = sampler.forget(examples.contexts[rows])
        return contexts, examples.tokens[rows], examples.labels[rows]

    *_, last = _fit(BlockLoss(model), params, batches, schedule, progress)
    return last.params


# One a rate: jit compares its functions by identity.
@functools.cache
def adam(learning_rate: float) -> optax.GradientTransformation:
    """The optimiser of both models."""
    return optax.adam(learning_rate)


def perplexity(model: GPT, params: Any, windows: Windows) -> float:
    """Perplexity of the last token, weighted by how often each window occurs."""
    return float(np.exp(held_out_loss(model, params, windows)))


def held_out_loss(model: GPT, params: Any, windows: Windows) -> float:
    """Mean cross-entropy of the last token in nats, weighted as in `perplexity`."""
    losses = [
        np.asarray(_last_losses(model, params, windows.tokens[rows]))
        for rows in _slices(len(windows))
    ]
    return float(np.average(np.concatenate(losses), weights=windows.weights))


def accuracy(model: FCN, params: Any, examples: Examples) -> tuple[float, float]:
    """Share of right blocks at the first layers of blocks, and at all layers."""
    right = np.concatenate(
        [
            np.asarray(
                _blocks(model, params, examples.contexts[rows], examples.tokens[rows])
            )
            == examples.labels[rows]
            for rows in _slices(len(examples))
        ]
    )
    return float(right[examples.starts].mean()), float(right.mean())


def _fit(
    loss: Callable[[Any, Batch], jax.Array],
    params: Any,
    batches: Callable[[int], Batch],
    schedule: Schedule,
    progress: Progress,
    begun: Round | None = None,
) -> Iterator[Round]:
    """The rounds from the first one on, or those behind one of them."""
    optimizer = adam(schedule.learning_rate)
    if begun is None:
        begun = Round(0, params, optimizer.init(params), None)
        yield begun
    params, state = begun.params, begun.optimizer
    losses = []
    for start in range(0, schedule.steps, STEPS_A_CALL):
        count = min(STEPS_A_CALL, schedule.steps - start)
        drawn = batches(count)
        if start < begun.step:
            # Drawn all the same: what follows depends on how much was drawn before.
            continue
        params, state, some = _steps(loss, optimizer, params, state, drawn)
        progress(count)
        losses.append(some)
        done = start + count
        if done % schedule.interval == 0 or done == schedule.steps:
            train_loss = float(np.mean(np.concatenate(losses)))
            yield Round(done, params, state, train_loss)
            losses = []


@functools.partial(jax.jit, static_argnums=(0, 1))
def _steps(
    loss: Callable[[Any, Batch], jax.Array],
    optimizer: optax.GradientTransformation,
    params: Any,
    state: optax.OptState,
    batches: Batch,
) -> tuple[Any, optax.OptState, jax.Array]:
    def step(carry: tuple[Any, Any], batch: Batch) -> tuple[tuple[Any, Any], jax.Array]:
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params, batch)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), value

    (params, state), losses = jax.lax.scan(step, (params, state), batches)
    return params, state, losses


@functools.partial(jax.jit, static_argnums=0)
def _last_losses(model: GPT, params: Any, tokens: jax.Array) -> jax.Array:
    logits = model.apply({"params": params}, tokens[:, :-1])[:, -1]
    return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, -1])


@functools.partial(jax.jit, static_argnums=0)
def _blocks(model: FCN, params: Any, contexts: jax.Array, tokens: jax.Array) -> Any:
    return model.apply({"params": params}, contexts, tokens).argmax(-1)


class _Sampler:
    """Draws rows by weight, on the host and in float64, where weights span decades."""

    def __init__(self, weights: np.ndarray, key: Key) -> None:
        self._random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        self._cumulative = np.cumsum(weights) / np.sum(weights)

    def rows(self, shape: tuple[int, int]) -> np.ndarray:
        """Indices of rows, ``int64[shape]``."""
        rows = np.searchsorted(self._cumulative, self._random.random(shape), "right")
        return np.minimum(rows, len(self._cumulative) - 1)

    def forget(self, tokens: np.ndarray) -> np.ndarray:
        """The tokens, a few layers made `UNKNOWN`."""
        gone = self._random.random(tokens.shape) < _UNKNOWN_SHARE
        return np.where(gone & (tokens != START), UNKNOWN, tokens)


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, _EVALUATION_BATCH):
        yield slice(start, start + _EVALUATION_BATCH)
