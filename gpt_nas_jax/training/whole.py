"""Training a whole network as one jitted program, for the best of a search."""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.batches import TrainingData
from gpt_nas_jax.training.chain import measure
from gpt_nas_jax.training.depth import stochastic_depth
from gpt_nas_jax.training.jit import jit
from gpt_nas_jax.training.loss import cross_entropy
from gpt_nas_jax.training.recipe import Update, update_of
from gpt_nas_jax.training.targets import Labels
from gpt_nas_jax.training.vectors import unflatten
from gpt_nas_jax.types import Key


@flax.struct.dataclass
class NetworkState:
    """A network in training.

    Attributes:
      params: Linen's collection.
      stats: likewise.
      optimizer: its state.
      average: running averages of both collections; empty where none are kept.
      steps: updates so far, ``int32``.
      key: decides dropout and stochastic depth; every step folds its number in.
    """

    params: Any
    stats: Any
    optimizer: optax.OptState
    average: dict[str, Any]
    steps: jax.Array
    key: Key

    def variables(self) -> dict[str, Any]:
        """Linen's collections, for ``chain.apply``: the averages where there are."""
        return self.average or {"params": self.params, "batch_stats": self.stats}


def start(
    chain: Chain, recipe: RetrainRecipe, steps_per_epoch: int, in_size: Size, key: Key
) -> NetworkState:
    """A network before its first step, block by block as block programs start it."""
    variables, size = {"params": {}, "batch_stats": {}}, in_size
    for index, block in enumerate(chain.blocks):
        traced = trace(block, size)
        vectors = programs.init(block, size, jax.random.fold_in(key, index))
        for (name, blocks), vector in zip(variables.items(), vectors, strict=True):
            if name in traced.variables:
                tree = unflatten(traced.variables[name], np.asarray(vector))
                blocks[f"blocks_{index}"] = jax.device_put(tree)
        size = traced.out_size
    dropout_key = jax.random.fold_in(key, len(chain.blocks))
    return _state(recipe, steps_per_epoch, variables, dropout_key)


def shapes(
    chain: Chain, recipe: RetrainRecipe, steps_per_epoch: int, in_size: Size, key: Key
) -> NetworkState:
    """Shapes and types of the result of `start`; draws no weights."""
    variables = trace(chain, in_size).collections()

    def state(variables: dict[str, Any]) -> NetworkState:
        return _state(recipe, steps_per_epoch, variables, key)

    return jax.eval_shape(state, variables)


def _state(
    recipe: RetrainRecipe, steps_per_epoch: int, variables: dict[str, Any], key: Key
) -> NetworkState:
    """Linen's collections before the first step; ``key`` decides dropout."""
    params, stats = variables["params"], variables["batch_stats"]
    return NetworkState(
        params,
        stats,
        update_of(recipe, steps_per_epoch).optimizer.init(params),
        # A step consumes its state, which must not contain an array twice.
        average=jax.tree.map(jnp.copy, variables) if recipe.ema else {},
        steps=jnp.zeros((), jnp.int32),
        key=key,
    )


def updated(
    chain: Chain,
    update: Update,
    state: NetworkState,
    x: jax.Array,
    labels: Labels,
    mean: Callable[[Any], Any] = lambda tree: tree,
) -> tuple[NetworkState, jax.Array]:
    """One update of everything; returns the loss too.

    With ``update.accumulate`` above 1 the batch is cut into that many microbatches, one
    of which is in memory at a time, and the update uses the mean of their gradients.
    BatchNorm normalises each by its own statistics and moves the running ones once for
    each. So only networks without BatchNorm and dropout get the result of the whole
    batch, up to rounding.

    Args:
      chain: the network; computes in the type of ``x``.
      update: moves its float32 parameters.
      state: before.
      x: ``[B, H, W, C]``.
      labels: of the images.
      mean: of a tree, over all devices that call this with a share of the batch.
    """

    def loss(
        params: Any, stats: Any, key: Key, x: jax.Array, labels: Labels
    ) -> tuple[jax.Array, Any]:
        variables = {"params": _cast(params, x), "batch_stats": stats}
        with stochastic_depth(chain, x.shape[1:], update.drop_path):
            logits, updates = chain.apply(
                variables, x, True, mutable=["batch_stats"], rngs={"dropout": key}
            )
        value = cross_entropy(logits, labels, update.label_smoothing)
        return value, updates.get("batch_stats", {})

    gradient_of = jax.value_and_grad(loss, has_aux=True)
    key = jax.random.fold_in(state.key, state.steps)
    if update.accumulate == 1:
        found = gradient_of(state.params, state.stats, key, x, labels)
        (value, stats), gradient = found
    else:

        def part(before: tuple[Any, Any], batch: Any) -> tuple[tuple[Any, Any], Any]:
            (total, stats), (number, *images) = before, batch
            own = jax.random.fold_in(key, number)
            found = gradient_of(state.params, stats, own, *images)
            (value, stats), gradient = found
            return (jax.tree.map(jnp.add, total, gradient), stats), value

        count = update.accumulate
        images = jax.tree.map(lambda a: _cut(a, count), (x, labels))
        parts = (jnp.arange(count), *images)
        begin = jax.tree.map(jnp.zeros_like, state.params), state.stats
        (total, stats), values = jax.lax.scan(part, begin, parts)
        value, gradient = values.mean(), jax.tree.map(lambda a: a / count, total)
    value, gradient = mean((value, gradient))
    moves, inner = update.optimizer.update(gradient, state.optimizer, state.params)
    params = optax.apply_updates(state.params, moves)
    average = {}
    if update.ema:
        new = {"params": params, "batch_stats": stats}
        average = _averaged(update.ema, state.steps, state.average, new)
    steps = state.steps + 1
    return NetworkState(params, stats, inner, average, steps, state.key), value


def _cut(batch: jax.Array, count: int) -> jax.Array:
    """``[count, B / count, ...]`` of ``[B, ...]``.

    Each takes every ``count``-th row, so each has as many rows from every device, and
    none has to move.
    """
    return jnp.moveaxis(batch.reshape(-1, count, *batch.shape[1:]), 1, 0)


def _averaged(decay: float, steps: jax.Array, average: Any, new: Any) -> Any:
    """The running average one step later.

    As TensorFlow's `ExponentialMovingAverage`, the decay rises with the steps, so that
    initial weights are forgotten soon. BatchNorm's statistics are averaged by the
    same rule, as EfficientNet's, torchvision's and timm's trainers do: those of the
    last steps belong to other weights.
    """
    decay = jnp.minimum(decay, (1 + steps) / (10 + steps))
    return jax.tree.map(lambda a, b: a + (1 - decay) * (b - a), average, new)


Step = Callable[..., tuple[NetworkState, jax.Array]]
"""`updated` as a program; consumes the state."""

step: Step = jit(static_argnums=(0, 1), donate_argnums=2)(updated)


def fit(
    chain: Chain,
    recipe: RetrainRecipe,
    data: TrainingData,
    key: Key,
    resumed: tuple[int, NetworkState] | None,
    after_step: Callable[[int, NetworkState, jax.Array], None],
    step: Step = step,
) -> NetworkState:
    """Trains everything in a network.

    Args:
      chain: the network.
      recipe: how.
      data: training images.
      key: decides initial weights, order and augmentation.
      resumed: steps done and the state then, or None to start from scratch; the
        result is the same. Of several processes the first gives the state, the others
        its shapes.
      after_step: called with steps done, the state and the loss. The state is
        consumed by the next step.
      step: the program of one update.
    """
    init_key, epochs_key = jax.random.split(key)
    steps = len(data) // recipe.batch
    if resumed is None:
        resumed = 0, start(chain, recipe, steps, data.in_size, init_key)
    done, state = resumed
    state = data.placement.of_first(state)
    update = update_of(recipe, steps)
    for batch in data.batches(recipe, epochs_key, done):
        state, loss = step(chain, update, state, *batch)
        done += 1
        after_step(done, state, loss)
    return state


def accuracy(
    chain: Chain, state: NetworkState, data: TrainingData, batch: int
) -> float:
    """Accuracy in [0, 1], using running statistics."""
    return measure(lambda x: infer(chain, state.variables(), x), data, batch)


@jit(static_argnums=0)
def infer(chain: Chain, variables: dict[str, Any], x: jax.Array) -> jax.Array:
    """Logits ``[B, K]`` of normalised images, by running statistics, in their type."""
    cast = {**variables, "params": _cast(variables["params"], x)}
    return chain.apply(cast, x, False)


def _cast(params: Any, x: jax.Array) -> Any:
    return jax.tree.map(lambda leaf: leaf.astype(x.dtype), params)
