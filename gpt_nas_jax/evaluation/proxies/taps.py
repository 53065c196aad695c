"""Intermediate values of a block, read while it runs."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.networks.interceptor import Interceptor
from gpt_nas_jax.networks.operations import Activation

_RECTIFIERS = {"relu", "relu6", "silu"}


class Taps(Interceptor):
    """An interceptor of Linen calls that reads layers with weights and activations.

    Attributes:
      gates: what multiplies the outputs of convolutions and fully connected layers,
        ``[B, ..., C]`` each, in the order they run; the channels of `nn.DenseGeneral`
        may have several axes. A gate of ones has as its gradient output times
        gradient, summed over pixels.
      signs: of the inputs of every rectifier (ReLU, ReLU6 and SiLU), 1 where they are
        positive and -1 where not, ``[B, n]``.
    """

    def __init__(self, gates: list[jax.Array] | None = None) -> None:
        """Without gates ones are made, as many as the block has layers."""
        self._given = None if gates is None else iter(gates)
        self.gates: list[jax.Array] = []
        self.signs: list[jax.Array] = []

    def called(
        self, module: nn.Module, call: Callable[[], Any], args: tuple[Any, ...]
    ) -> Any:
        if isinstance(module, Activation) and module.function in _RECTIFIERS:
            signs = jnp.where(args[0] > 0, 1.0, -1.0)
            self.signs.append(signs.reshape(len(signs), -1))
        out = call()
        if isinstance(module, nn.Conv | nn.Dense | nn.DenseGeneral):
            features = _features(module, out)
            pixels = (1,) * (out.ndim - 1 - len(features))
            shape = (out.shape[0], *pixels, *features)
            gate = jnp.ones(shape) if self._given is None else next(self._given)
            self.gates.append(gate)
            out = out * gate
        return out


def _features(module: nn.Module, out: jax.Array) -> tuple[int, ...]:
    """The sizes of the last axes of an output, those that are no pixels."""
    count = 1
    if isinstance(module, nn.DenseGeneral) and not isinstance(module.features, int):
        count = len(module.features)
    return out.shape[out.ndim - count :]
