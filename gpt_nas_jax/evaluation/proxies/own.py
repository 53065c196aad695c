"""The user's own zero-cost proxies."""

from typing import Any, Protocol, cast

import numpy as np

from gpt_nas_jax import plugins
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.types import Key, UsageError


class Proxy(Protocol):
    """Scores a network that has not been trained; higher is better."""

    def __call__(self, chain: Chain, images: Any, labels: Any, key: Key) -> float:
        """One network's score.

        A result that is not a finite number, or an exception, fails the candidate.

        Args:
          chain: the network, a Linen module called as ``chain(x, train)``.
          images: ``float32[K, B, H, W, C]``, K batches, normalised.
          labels: ``int32[K, B]``.
          key: decides whatever is random, such as the weights.
        """


def find(setting: str, path: str) -> Proxy:
    """The proxy of an import path, ``module:Name``.

    Raises:
      UsageError: it cannot be imported, or cannot be called as a `Proxy`.
    """
    found, where = plugins.load(setting, path), f"{setting}: {path}"
    if not callable(found):
        raise UsageError(f"{where} is not a function")
    names = "chain", "images", "labels", "key"
    plugins.require_call(where, found, "chain, images, labels and key", names)
    return cast(Proxy, found)


def ask(proxy: Proxy, chain: Chain, images: Any, labels: Any, key: Key) -> float:
    """The score by a proxy; see `Proxy`.

    Raises:
      ValueError: it returned something other than one number.
    """
    score = proxy(chain=chain, images=images, labels=labels, key=key)
    if np.ndim(score):
        raise ValueError(
            f"the proxy returned an array of shape {np.shape(score)}; return one number"
        )
    try:
        return float(score)
    except (TypeError, ValueError):
        raise ValueError(f"the proxy returned {score!r}; return one number") from None
