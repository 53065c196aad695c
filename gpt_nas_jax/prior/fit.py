"""Training with Adam on weighted samples; losses of the GPT and the FCN."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import jax
import numpy as np
import optax

from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.tokens.corpus import Windows
from gpt_nas_jax.tokens.vocabulary import START, UNKNOWN
from gpt_nas_jax.types import Key

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of steps done since the last call."""

Batch: TypeAlias = tuple[np.ndarray, ...]

STEPS_A_CALL = 50
"""Updates in one call of a jitted program."""
_EVALUATION_BATCH = 4096
# Teaches the models to handle layers that are not in the corpus.
_UNKNOWN_SHARE = 0.02
_FCN_BATCH = 128
_FCN_RATE = 1e-3


@dataclasses.dataclass(frozen=True)
class NextLayerLoss:
    """Mean cross-entropy of every layer of windows ``int32[B, C + 1]``."""

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


class Sampler:
    """Samples rows by weight, on the host in float64, since weights span decades."""

    def __init__(self, weights: np.ndarray, key: Key) -> None:
        self._random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        self._cumulative = np.cumsum(weights) / np.sum(weights)

    def rows(self, shape: tuple[int, int]) -> np.ndarray:
        """Indices of rows, ``int64[shape]``."""
        rows = np.searchsorted(self._cumulative, self._random.random(shape), "right")
        return np.minimum(rows, len(self._cumulative) - 1)

    def forget(self, tokens: np.ndarray) -> np.ndarray:
        """Replaces a few layers by `UNKNOWN`."""
        gone = self._random.random(tokens.shape) < _UNKNOWN_SHARE
        return np.where(gone & (tokens != START), UNKNOWN, tokens)


def fit_fcn(
    model: FCN,
    examples: Examples,
    weights: np.ndarray,
    keys: tuple[Key, Key],
    steps: int,
    progress: Progress,
) -> Any:
    """Trains an FCN on examples sampled by ``weights[N]``; returns its parameters.

    The keys are those of the initial parameters and of the samples.
    """
    init_key, sample_key = keys
    sampler, optimizer = Sampler(weights, sample_key), adam(_FCN_RATE)
    first = examples.contexts[:1], examples.tokens[:1]
    params = jax.jit(model.init)(init_key, *first)["params"]
    state = optimizer.init(params)
    for count in calls(0, steps):
        rows = sampler.rows((count, _FCN_BATCH))
        contexts = sampler.forget(examples.contexts[rows])
        drawn = contexts, examples.tokens[rows], examples.labels[rows]
        params, state, _ = update(BlockLoss(model), optimizer, params, state, drawn)
        progress(count)
    return params


# One per rate, since jit compares functions by identity.
@functools.cache
def adam(learning_rate: float) -> optax.GradientTransformation:
    """The optimiser of both models."""
    return optax.adam(learning_rate)


def calls(start: int, stop: int) -> Iterator[int]:
    """Yields the number of updates in each call of `update` from start to stop."""
    for step in range(start, stop, STEPS_A_CALL):
        yield min(STEPS_A_CALL, stop - step)


@functools.partial(jax.jit, static_argnums=(0, 1))
def update(
    loss: Callable[[Any, Batch], jax.Array],
    optimizer: optax.GradientTransformation,
    params: Any,
    state: optax.OptState,
    batches: Batch,
) -> tuple[Any, optax.OptState, jax.Array]:
    """Makes one update for each of ``batches[N, B, ...]``; returns ``[N]`` losses."""

    def step(carry: tuple[Any, Any], batch: Batch) -> tuple[tuple[Any, Any], jax.Array]:
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params, batch)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), value

    (params, state), losses = jax.lax.scan(step, (params, state), batches)
    return params, state, losses


def perplexity(model: GPT, params: Any, windows: Windows) -> float:
    """Perplexity of the last token, weighted by how often each window occurs."""
    return float(np.exp(last_layer_loss(model, params, windows)))


def last_layer_loss(model: GPT, params: Any, windows: Windows) -> float:
    """Mean cross-entropy of the last token in nats, weighted as in `perplexity`."""
    losses = last_layer_losses(model, params, windows.tokens)
    return float(np.average(losses, weights=windows.weights))


def last_layer_losses(model: GPT, params: Any, tokens: np.ndarray) -> np.ndarray:
    """Cross-entropy of the last token in nats, ``float32[N]``."""
    return np.concatenate(
        [
            np.asarray(_last_losses(model, params, tokens[rows]))
            for rows in _slices(len(tokens))
        ]
    )


def accuracy(model: FCN, params: Any, examples: Examples) -> tuple[float, float]:
    """Accuracy of the blocks at the first layers of blocks, and at all layers."""
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


@functools.partial(jax.jit, static_argnums=0)
def _last_losses(model: GPT, params: Any, tokens: jax.Array) -> jax.Array:
    logits = model.apply({"params": params}, tokens[:, :-1])[:, -1]
    return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, -1])


@functools.partial(jax.jit, static_argnums=0)
def _blocks(model: FCN, params: Any, contexts: jax.Array, tokens: jax.Array) -> Any:
    return model.apply({"params": params}, contexts, tokens).argmax(-1)


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, _EVALUATION_BATCH):
        yield slice(start, start + _EVALUATION_BATCH)
