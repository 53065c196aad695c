"""The jitted programs of one block that proxies are made of.

As in `training.programs` a block's parameters are one vector, and a program is compiled
once for each block and shape.
"""

import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from gpt_nas_jax.evaluation.proxies.taps import Taps
from gpt_nas_jax.networks.cost import fan_in
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.platform import native_forms
from gpt_nas_jax.networks.trace import layers_of, trace
from gpt_nas_jax.training.jit import jit
from gpt_nas_jax.training.loss import cross_entropy
from gpt_nas_jax.training.programs import is_saved
from gpt_nas_jax.training.vectors import unflatten
from gpt_nas_jax.types import Key


@flax.struct.dataclass
class Pass:
    """The forward pass of a block, and the pullback of its backward pass.

    Attributes:
      y: the output.
      agreements: ``float32[B, B]``, at how many rectifiers two images have the same
        sign.
      pullback: of (parameters, gates of the layers with weights, input).
    """

    y: jax.Array
    agreements: jax.Array
    pullback: Any


@flax.struct.dataclass
class Gradients:
    """The gradients of a block, and sums over them.

    Attributes:
      params: ``float32[n]``.
      norm: sum over layers of the norm of the kernel's gradient.
      saliency: sum over kernels of the magnitude of weight times gradient.
      fisher: sum over weights of their output channel's score: the mean over images
        of half the square of output times gradient, summed over pixels.
    """

    params: jax.Array
    norm: jax.Array
    saliency: jax.Array
    fisher: jax.Array


@jit(static_argnums=(0, 1))
def forward(block: nn.Module, train: bool, params: jax.Array, x: jax.Array) -> Pass:
    """Runs a block and reads on the way what proxies need.

    Args:
      block: the module.
      train: whether BatchNorm normalises by the batch. If not it does nothing: its
        running statistics are still those of what is normalised already.
      params: ``float32[n]``.
      x: ``[B, H, W, C]``.
    """

    def run(
        params: jax.Array, gates: list[jax.Array] | None, x: jax.Array
    ) -> tuple[jax.Array, Taps]:
        taps = Taps(gates)
        with nn.intercept_methods(taps):
            y = _apply(block, train, params, x)
        return y, taps

    def read(
        params: jax.Array, gates: list[jax.Array], x: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        y, taps = run(params, gates, x)
        count = sum(signs.shape[-1] for signs in taps.signs)
        alike = sum((s @ s.T for s in taps.signs), jnp.zeros((len(x), len(x))))
        return y, (count + alike) / 2

    shapes = jax.eval_shape(
        lambda *args: run(args[0], None, args[1])[1].gates, params, x
    )
    gates = [jnp.ones(shape.shape) for shape in shapes]
    read = jax.checkpoint(read, policy=is_saved, prevent_cse=False)
    y, pullback, agreements = jax.vjp(read, params, gates, x, has_aux=True)
    return Pass(y, agreements, pullback)


@jit(static_argnums=(0, 1))
def backward(
    block: nn.Module, in_size: Size, params: jax.Array, run: Pass, dy: jax.Array
) -> tuple[Gradients, jax.Array]:
    """Gradients of a block and of its input, given the gradient of its output."""
    d_params, d_gates, dx = run.pullback(dy)
    pairs = _kernels(block, in_size, params), _kernels(block, in_size, d_params)
    norm = saliency = fisher = jnp.float32(0)
    for kernel, gradient in zip(*pairs, strict=True):
        norm += jnp.sqrt((gradient**2).sum())
        saliency += jnp.abs(kernel * gradient).sum()
    weighted = [
        count for layer in layers_of(block, in_size) if (count := fan_in(layer))
    ]
    for gate, count in zip(d_gates, weighted, strict=True):
        fisher += count * (gate**2).mean(0).sum() / 2
    return Gradients(d_params, norm, saliency, fisher), dx


@jit()
def input_gradient(run: Pass, dy: jax.Array) -> jax.Array:
    """The gradient of a block's input alone, given that of its output."""
    return run.pullback(dy)[-1]


@jit(static_argnums=(0, 1))
def signal_to_noise(
    block: nn.Module, in_size: Size, gradients: tuple[jax.Array, ...]
) -> jax.Array:
    """Sum over layers of the log of the sum of mean magnitude over deviation.

    Args:
      block: the module.
      in_size: of its input.
      gradients: of several batches, ``float32[n]`` each. Weights whose gradient is the
        same in all of them are ignored, as are layers without other weights.
    """
    total = jnp.float32(0)
    kernels = [_kernels(block, in_size, gradient) for gradient in gradients]
    for of_layer in zip(*kernels, strict=True):
        stacked = jnp.stack(of_layer)
        mean, std = jnp.abs(stacked).mean(0), stacked.std(0)
        ratio = jnp.where(std > 0, mean / jnp.where(std > 0, std, 1), 0).sum()
        total += jnp.where(ratio > 0, jnp.log(jnp.where(ratio > 0, ratio, 1)), 0)
    return total


@jit(static_argnums=(0, 1))
def log_flow(
    block: nn.Module,
    in_size: Size,
    params: jax.Array,
    gradients: jax.Array,
    log_scale: jax.Array,
) -> jax.Array:
    """Sum over kernels of weight times ``log(1 + gradient * exp(log_scale))``."""
    pairs = _kernels(block, in_size, params), _kernels(block, in_size, gradients)
    total = jnp.float32(0)
    for kernel, gradient in zip(*pairs, strict=True):
        logs = jnp.logaddexp(0, jnp.log(jnp.abs(gradient)) + log_scale)
        total += (kernel * logs).sum()
    return total


Mixed = tuple[jax.Array, jax.Array, jax.Array, jax.Array]
"""A value, its derivatives in two directions, and its derivative in both."""


@jit(static_argnums=(0, 1))
def mixed_derivative(
    block: nn.Module, in_size: Size, params: jax.Array, gradient: jax.Array, x: Mixed
) -> Mixed:
    """A block's output, differentiated along its kernels and along their gradient."""
    mask = _kernel_mask(block, in_size)
    along = mask * params, mask * gradient

    def run(params: jax.Array, x: jax.Array) -> jax.Array:
        return _apply(block, True, params, x)

    def first(
        params: jax.Array, x: jax.Array, dx: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return jax.jvp(run, (params, x), (along[0], dx))

    value, derivative = x[:2], x[2:]
    with native_forms():
        value, derivative = jax.jvp(first, (params, *value), (along[1], *derivative))
    return *value, *derivative


@jit()
def mixed_loss(logits: Mixed, labels: jax.Array) -> jax.Array:
    """The loss's derivative in both directions."""

    def loss(logits: jax.Array) -> jax.Array:
        return cross_entropy(logits, labels)

    def first(logits: jax.Array, along: jax.Array) -> jax.Array:
        return jax.jvp(loss, (logits,), (along,))[1]

    return jax.jvp(first, logits[:2], logits[2:])[1]


def total(parts: Sequence[Any]) -> Any:
    """The sum of equal trees."""
    # Two at a time, since each length would need a compilation.
    return functools.reduce(_added, parts)


@jit()
def _added(first: Any, second: Any) -> Any:
    return jax.tree.map(jnp.add, first, second)


@jit()
def rescaled(
    x: jax.Array, log_scale: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Divides by the largest number; returns it, and its log added to ``log_scale``."""
    largest = x.max()
    return x / largest, largest, log_scale + jnp.log(largest)


@jit()
def divided(x: jax.Array, scale: jax.Array) -> jax.Array:
    """An array divided by a number."""
    return x / scale


@jit()
def covariance(x: jax.Array) -> jax.Array:
    """``[C, C]`` of the channels of ``[..., C]``, over all else."""
    rows = x.reshape(-1, x.shape[-1])
    rows = rows - rows.mean(0)
    return rows.T @ rows / len(rows)


@jit()
def signs(key: Key, x: jax.Array) -> jax.Array:
    """1 or -1 at random, in the shape of an array."""
    return jax.random.rademacher(key, x.shape, x.dtype)


@jit()
def mean_jacobian(dy: jax.Array, dx: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The channel Jacobian, averaged over pixels, and whether it is the identity.

    Args:
      dy: ``[B, H, W, C]``, random signs.
      dx: ``[B, H', W', C']``, the gradient of the input given that of the output. Where
        the input is larger, the pixels that make one of the output count as channels.

    Returns:
      ``[C', C]`` and ``bool[]``.
    """
    same = jnp.array(False) if dx.shape != dy.shape else (dx == dy).all()
    batch, height, width, channels = dy.shape
    # Strides round up: beyond the edge of an odd side there is nothing.
    down, across = -(-dx.shape[1] // height), -(-dx.shape[2] // width)
    beyond = down * height - dx.shape[1], across * width - dx.shape[2]
    dx = jnp.pad(dx, ((0, 0), (0, beyond[0]), (0, beyond[1]), (0, 0)))
    dx = dx.reshape(batch, height, down, width, across, -1)
    dx = jnp.moveaxis(dx, 3, 2).reshape(batch * height * width, -1)
    dy = dy.reshape(-1, channels)
    return dx.T @ dy / len(dy), same


def _apply(block: nn.Module, train: bool, params: jax.Array, x: jax.Array) -> jax.Array:
    shapes = trace(block, x.shape[1:]).collections()
    stats = traverse_util.flatten_dict(shapes["batch_stats"])
    stats = {
        path: jnp.full(leaf.shape, float(path[-1] == "var"))
        for path, leaf in stats.items()
    }
    variables = {
        "params": unflatten(shapes["params"], params),
        "batch_stats": traverse_util.unflatten_dict(stats),
    }
    return block.apply(variables, x, train, mutable=["batch_stats"])[0]


def _kernels(block: nn.Module, in_size: Size, params: jax.Array) -> list[jax.Array]:
    """The kernels of convolutions and fully connected layers in a vector."""
    shapes = trace(block, in_size).collections()["params"]
    leaves = traverse_util.flatten_dict(unflatten(shapes, params))
    return [leaf for path, leaf in leaves.items() if path[-1] == "kernel"]


def _kernel_mask(block: nn.Module, in_size: Size) -> np.ndarray:
    """1 where a vector of parameters holds a kernel, else 0."""
    shapes = trace(block, in_size).collections()["params"]
    leaves = sorted(traverse_util.flatten_dict(shapes).items())
    parts = [np.full(leaf.size, path[-1] == "kernel") for path, leaf in leaves]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float32)
