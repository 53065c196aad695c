"""A custom zero-cost proxy: how much the logits vary over images.

    PYTHONPATH=examples python -m gpt_nas_jax.main --flagfile=launch/digits.flags \
        --stage=search --workdir=runs/own_proxy --search_strategy=random \
        --eval_method=zero_cost --eval_proxies=own_proxy:spread,synflow

The function scores a network that has not been trained; higher is better. Several
proxies are combined by their ranks.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp


def spread(
    chain: nn.Module, images: jax.Array, labels: jax.Array, key: jax.Array
) -> float:
    """The logarithm of the logits' variance over the images of the first batch.

    Args:
      chain: the network, called as ``chain(x, train)``.
      images: ``float32[K, B, H, W, C]``, normalised.
      labels: ``int32[K, B]``.
      key: decides the weights.
    """
    variables = chain.init(key, images[0], train=False)
    logits, _ = chain.apply(variables, images[0], train=True, mutable="batch_stats")
    return float(jnp.log(logits.var(0).mean() + 1e-12))
