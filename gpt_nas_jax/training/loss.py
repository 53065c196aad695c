"""The loss of a batch and the number of correct predictions."""

import jax
import jax.numpy as jnp
import optax

from gpt_nas_jax.training.targets import Labels, Targets


def cross_entropy(
    logits: jax.Array, labels: Labels, smoothing: float = 0.0
) -> jax.Array:
    """Mean cross-entropy of ``[B, C]`` logits and labels, in float32.

    All classes get the share ``smoothing`` of a label equally (arXiv 1512.00567);
    static under jit. The weights of targets are those of the labels' own losses.
    """
    logits = logits.astype(jnp.float32)
    if isinstance(labels, Targets):
        return _weighted(jax.nn.log_softmax(logits), labels, smoothing)
    exact = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    if not smoothing:
        return exact
    uniform = -jax.nn.log_softmax(logits).mean()
    return (1 - smoothing) * exact + smoothing * uniform


def _weighted(shares: jax.Array, targets: Targets, smoothing: float) -> jax.Array:
    """`cross_entropy` of the logarithms of shares, ``float32[B, C]``."""
    exact = jnp.take_along_axis(shares, targets.labels, axis=-1)
    uniform = shares.mean(-1, keepdims=True)
    losses = -((1 - smoothing) * exact + smoothing * uniform)
    return (targets.weights * losses).sum(-1).mean()


@jax.jit
def loss_and_gradient(logits: jax.Array, labels: Labels) -> tuple[jax.Array, jax.Array]:
    """The loss and its gradient with respect to the logits."""
    return jax.value_and_grad(cross_entropy)(logits, labels)


@jax.jit
def count_right(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """How many rows of ``[B, C]`` have their highest logit at the label.

    NaN where any logit is not a finite number.
    """
    right = jnp.sum(jnp.argmax(logits, -1) == labels)
    return jnp.where(jnp.isfinite(logits).all(), right, jnp.nan)
