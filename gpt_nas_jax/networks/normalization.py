"""BatchNorm, with a gradient of its own on a TPU.

Differentiated as `nn.BatchNorm` is written, XLA for TPUs sums the gradient up to three
times, each time reading it anew. In closed form (arXiv 1502.03167, section 3) two sums
are enough, both taken in one pass and in float32: of the gradient, and of its product
with the input. Other platforms keep Flax's own gradient.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gpt_nas_jax.networks.platform import target


def batch_norm(
    train: bool, momentum: float = 0.9, epsilon: float = 1e-5
) -> nn.BatchNorm:
    """A BatchNorm for the platform that is compiled for.

    Args:
      train: whether it normalises by the batch, instead of the running statistics.
      momentum: of the running statistics.
      epsilon: added to the variance.
    """
    kind = BatchNorm if train and target() == "tpu" else nn.BatchNorm
    return kind(not train, momentum=momentum, epsilon=epsilon)


# Of this name, so that Linen names its parameters as those of `nn.BatchNorm`.
class BatchNorm(nn.BatchNorm):
    """`nn.BatchNorm` that normalises the last axis by the batch, in training alone.

    Parameters, running statistics and values are those of `nn.BatchNorm`.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[..., C]`` to the same shape and type."""
        shape = x.shape[-1:]
        scale = self.param("scale", self.scale_init, shape, self.param_dtype)
        bias = self.param("bias", self.bias_init, shape, self.param_dtype)
        y, mean, var = _normalized(x, scale, bias, self.epsilon, self.axis_name)
        running = {"mean": (jnp.zeros, mean), "var": (jnp.ones, var)}
        for name, (first, now) in running.items():
            kept = self.variable("batch_stats", name, first, shape, jnp.float32)
            if not self.is_initializing():
                kept.value = self.momentum * kept.value + (1 - self.momentum) * now
        return y


def _normalized(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float, axis: str | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The output, and the batch's mean and variance, through which none flows back."""

    def mean_of(*arrays: jax.Array) -> Any:
        means = tuple(array.mean(tuple(range(array.ndim - 1))) for array in arrays)
        return means if axis is None else lax.pmean(means, axis)

    @jax.custom_vjp
    def function(x: jax.Array, scale: jax.Array, bias: jax.Array) -> Any:
        return forward(x, scale, bias)[0]

    def forward(x: jax.Array, scale: jax.Array, bias: jax.Array) -> tuple[Any, Any]:
        wide = x.astype(jnp.float32)
        mean, square = mean_of(wide, wide * wide)
        var = jnp.maximum(square - mean * mean, 0)
        inverse = lax.rsqrt(var + epsilon)
        y = (wide - mean) * (inverse * scale) + bias
        dtype = jnp.result_type(x, scale, bias)
        return (y.astype(dtype), mean, var), (x, scale, bias, mean, inverse)

    def backward(saved: Any, gradients: Any) -> tuple[jax.Array, ...]:
        (x, scale, bias, mean, inverse), (dy, _, _) = saved, gradients
        centred, dy = x.astype(jnp.float32) - mean, dy.astype(jnp.float32)
        of_dy, of_product = mean_of(dy, dy * centred)
        slope = inverse * of_product
        dx = inverse * scale * (dy - of_dy - centred * (inverse * slope))
        count = x.size // x.shape[-1]
        parameters = (
            (count * slope).astype(scale.dtype),
            (count * of_dy).astype(bias.dtype),
        )
        return dx.astype(x.dtype), *parameters

    function.defvjp(forward, backward)
    return function(x, scale, bias)
