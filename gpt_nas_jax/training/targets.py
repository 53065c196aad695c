"""Labels of a batch: one per image, or several with weights."""

import flax.struct
import jax
import jax.numpy as jnp


@flax.struct.dataclass
class Targets:
    """Weighted labels, one or several per image.

    Attributes:
      labels: ``int32[B, M]``.
      weights: ``float32[B, M]`` of each label in the loss. Of an image they sum to 1,
        or to the weight of its class.
    """

    labels: jax.Array
    weights: jax.Array


Labels = jax.Array | Targets
"""``int32[B]``, or targets if labels are mixed or weighted."""


def targets(
    labels: jax.Array,
    mixed: tuple[jax.Array, jax.Array] | None,
    classes: jax.Array | None,
) -> Labels:
    """The labels of a batch, mixed and weighted as asked for.

    Args:
      labels: ``int32[B]``.
      mixed: ``int32[B]``, whose image each is mixed with, and the share of its own
        label; None where none is mixed.
      classes: ``float32[K]``, the weight of each class; None where all count 1.
    """
    if mixed is None and classes is None:
        return labels
    shares = jnp.ones((1,), jnp.float32)
    labels = labels[:, None]
    if mixed is not None:
        partner, share = mixed
        labels = jnp.concatenate([labels, labels[partner]], axis=1)
        shares = jnp.stack([share, 1 - share])
    weights = jnp.broadcast_to(shares, labels.shape)
    return Targets(labels, weights if classes is None else weights * classes[labels])
