"""The whole network's update by `jax.pmap`, for ``--train_parallel=pmap``.

`jax.pmap` is a wrapper of ``jit(shard_map)`` in maintenance. A program sees one
device's share of the batch, so BatchNorm has to be told to average over all of them.
"""

import functools
from typing import Any

import flax.linen as nn
import jax

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.training.recipe import Update
from gpt_nas_jax.training.targets import Labels
from gpt_nas_jax.training.whole import NetworkState, updated

_AXIS = "devices"


def step(
    chain: Chain,
    update: Update,
    state: NetworkState,
    x: jax.Array,
    labels: Labels,
) -> tuple[NetworkState, jax.Array]:
    """`whole.step` over all local devices; the batch must be a multiple of them."""
    devices = jax.local_device_count()
    shares = jax.tree.map(lambda a: a.reshape(devices, -1, *a.shape[1:]), (x, labels))
    return _step(chain, update, state, *shares)


@functools.partial(
    jax.pmap,
    axis_name=_AXIS,
    static_broadcasted_argnums=(0, 1),
    in_axes=(None, None, None, 0, 0),
    out_axes=None,
)
def _step(
    chain: Chain,
    update: Update,
    state: NetworkState,
    x: jax.Array,
    labels: Labels,
) -> tuple[NetworkState, jax.Array]:
    mean = functools.partial(jax.lax.pmean, axis_name=_AXIS)
    with nn.intercept_methods(_synchronised):
        # Each device has other images, so its dropout differs, too.
        own = jax.random.fold_in(state.key, jax.lax.axis_index(_AXIS))
        new, loss = updated(chain, update, state.replace(key=own), x, labels, mean)
        return new.replace(key=state.key), loss


def _synchronised(
    call: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Any
) -> Any:
    """A call of a module; a BatchNorm's statistics are those of the whole batch."""
    module = context.module
    if isinstance(module, nn.BatchNorm):
        # Linen's modules are frozen, but this one was made for this call alone.
        object.__setattr__(module, "axis_name", _AXIS)
    return call(*args, **kwargs)
