"""Training a whole network as one jitted program, for the best of a search."""

import functools
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import optax

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.batches import DeviceImages, epoch
from gpt_nas_jax.training.chain import measure
from gpt_nas_jax.training.loss import cross_entropy
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.types import Key


@flax.struct.dataclass
class NetworkState:
    """A network in training: Linen's collections and the optimiser's state."""

    params: Any
    stats: Any
    optimizer: optax.OptState

    def variables(self) -> dict[str, Any]:
        """Linen's collections, for ``chain.apply``."""
        return {"params": self.params, "batch_stats": self.stats}


def start(
    chain: Chain, recipe: Recipe, steps_per_epoch: int, in_size: Size, key: Key
) -> NetworkState:
    """A network before its first step, block by block as block programs start it."""
    params, stats, size = {}, {}, in_size
    for index, block in enumerate(chain.blocks):
        block_key = jax.random.fold_in(key, index)
        parts = programs.init(block, size, block_key)
        for collection, part in zip((params, stats), parts, strict=True):
            if part:
                collection[f"blocks_{index}"] = part
        size = trace(block, size).out_size
    update = optimizer(recipe, steps_per_epoch)
    return NetworkState(params, stats, update.init(params))


@functools.partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def step(
    chain: Chain,
    optimizer: optax.GradientTransformation,
    state: NetworkState,
    x: jax.Array,
    labels: jax.Array,
) -> tuple[NetworkState, jax.Array]:
    """One update of everything; returns the loss too. Consumes ``state``."""

    def loss(params: Any) -> tuple[jax.Array, Any]:
        variables = {"params": params, "batch_stats": state.stats}
        logits, updates = chain.apply(variables, x, True, mutable=["batch_stats"])
        return cross_entropy(logits, labels), updates.get("batch_stats", {})

    (value, stats), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
    updates, inner = optimizer.update(gradient, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    return NetworkState(params, stats, inner), value


def fit(
    chain: Chain,
    recipe: Recipe,
    data: DeviceImages,
    key: Key,
    resumed: tuple[int, NetworkState] | None,
    after_epoch: Callable[[int, NetworkState, jax.Array], None],
) -> NetworkState:
    """Trains everything in a network.

    Args:
      chain: the network.
      recipe: how.
      data: training images.
      key: decides initial weights, order and augmentation.
      resumed: epochs done and the state then, or None to start from scratch; the
        result is the same.
      after_epoch: called with epochs done, the state and the last loss. The state
        is consumed by the next step.
    """
    init_key, epochs_key = jax.random.split(key)
    steps = len(data) // recipe.batch
    if resumed is None:
        in_size = data.images.shape[1:]
        resumed = 0, start(chain, recipe, steps, in_size, init_key)
    first, state = resumed
    update = optimizer(recipe, steps)
    for number in range(first, recipe.epochs):
        for batch in epoch(recipe, data, epochs_key, number):
            state, loss = step(chain, update, state, *batch)
        after_epoch(number + 1, state, loss)
    return state


def accuracy(
    chain: Chain, state: NetworkState, data: DeviceImages, batch: int
) -> float:
    """Share of right answers, by running statistics."""
    return measure(lambda x: _infer(chain, state.variables(), x), data, batch)


@functools.partial(jax.jit, static_argnums=0)
def _infer(chain: Chain, variables: Any, x: jax.Array) -> jax.Array:
    return chain.apply(variables, x, False)
