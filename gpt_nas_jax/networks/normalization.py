"""BatchNorm with a custom gradient on TPUs.

For the automatic gradient of `nn.BatchNorm`, XLA for TPUs reads and sums the output
gradient up to three times. In closed form (arXiv 1502.03167, section 3) two sums in one
pass are enough, in float32: of the gradient, and of its product with the input. Other
platforms keep the automatic gradient.
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
    """A BatchNorm for the target platform.

    Args:
      train: whether to normalise by batch statistics instead of running ones.
      momentum: of the running statistics.
      epsilon: added to the variance.
    """
    kind = BatchNorm if train and target() == "tpu" else nn.BatchNorm
    return kind(not train, momentum=momentum, epsilon=epsilon)


# Has this name so that Linen names its parameters like those of `nn.BatchNorm`.
class BatchNorm(nn.BatchNorm):
    """`nn.BatchNorm` over the last axis by batch statistics, for training only.

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
    """The output and the batch's mean and variance; these two get no gradient."""

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
