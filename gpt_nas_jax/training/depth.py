"""Stochastic depth (arXiv 1603.09382)."""

import contextlib
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.interceptor import Interceptor
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.operations import Shortcut
from gpt_nas_jax.networks.trace import trace


def stochastic_depth(
    chain: Chain, in_size: Size, last: float
) -> contextlib.AbstractContextManager[None]:
    """Within this context a call of the network skips residual blocks at random.

    The paper's linear rule: of L blocks the l-th is skipped with probability
    ``last * l / L``. Each image skips its own, and a branch that is not skipped is
    divided by the probability of that, so the network is unchanged at test time.

    Args:
      chain: the network. It is called with a key named ``dropout``, for training.
      in_size: of its images.
      last: the probability of the last block; 0 for none.
    """
    if not last:
        return contextlib.nullcontext()
    return nn.intercept_methods(_Skipping(last, trace(chain, in_size).shortcuts))


class _Skipping(Interceptor):
    """Skips branches in one call of a network with ``total`` shortcuts."""

    def __init__(self, last: float, total: int) -> None:
        self._last, self._total = last, total
        self._met = 0

    def called(
        self, module: nn.Module, call: Callable[[], Any], args: tuple[Any, ...]
    ) -> Any:
        if not isinstance(module, Shortcut):
            return call()
        self._met += 1
        kept = 1 - self._last * self._met / self._total
        shortcut, branch = args
        shape = (len(branch), *(1,) * (branch.ndim - 1))
        there = jax.random.bernoulli(module.make_rng("dropout"), kept, shape)
        return shortcut + jnp.where(there, branch / kept, 0)
