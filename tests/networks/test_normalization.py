"""The BatchNorm for TPUs against `nn.BatchNorm`."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.networks.normalization import BatchNorm, batch_norm
from gpt_nas_jax.networks.platform import compiling_for, native_forms

SHAPE = (8, 5, 3, 6)


def drawn(seed: int, *shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


def variables() -> dict[str, Any]:
    channels = SHAPE[-1:]
    return {
        "params": {"scale": drawn(1, *channels), "bias": drawn(2, *channels)},
        "batch_stats": {"mean": drawn(3, *channels), "var": drawn(4, *channels) ** 2},
    }


def trained(norm: nn.BatchNorm, x: jax.Array, dy: jax.Array) -> dict[str, Any]:
    """Output, running statistics and gradients of a BatchNorm in training mode."""
    given = variables()
    params = jax.tree.map(lambda leaf: leaf.astype(x.dtype), given["params"])

    def run(params: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        return norm.apply({**given, "params": params}, x, mutable=["batch_stats"])

    y, pullback, updates = jax.vjp(run, params, x, has_aux=True)
    of_params, of_x = pullback(dy)
    return {"y": y, **updates, "of_params": of_params, "of_x": of_x}


def assert_close(ours: Any, theirs: Any, error: float) -> None:
    """Types must match; arrays may differ by a relative ``error`` in norm."""

    def check(mine: jax.Array, other: jax.Array) -> None:
        assert mine.dtype == other.dtype
        mine, other = (np.asarray(array, np.float64) for array in (mine, other))
        assert np.linalg.norm(mine - other) <= error * np.linalg.norm(other)

    jax.tree.map(check, ours, theirs)


OURS, FLAX = (
    kind(False, momentum=0.8, epsilon=1e-3) for kind in (BatchNorm, nn.BatchNorm)
)


@pytest.mark.parametrize(("dtype", "error"), [("float32", 1e-6), ("bfloat16", 2**-7)])
def test_it_equals_the_batch_norm_of_flax(dtype: str, error: float) -> None:
    x = (3 + 2 * drawn(5, *SHAPE)).astype(dtype)
    dy = drawn(6, *SHAPE).astype(dtype)
    ours, theirs = (jax.jit(trained, static_argnums=0)(n, x, dy) for n in (OURS, FLAX))
    assert_close(ours, theirs, error)


def test_vectors_are_normalised_too() -> None:
    x, dy = drawn(5, 32, SHAPE[-1]), drawn(6, 32, SHAPE[-1])
    assert_close(trained(OURS, x, dy), trained(FLAX, x, dy), 1e-6)


def test_a_channel_that_is_constant_has_no_gradient() -> None:
    x = jnp.full(SHAPE, 3.0)
    found = trained(OURS, x, drawn(6, *SHAPE))
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    # Except for the rounding error of the mean.
    assert jnp.abs(found["of_params"]["scale"]).max() < 1e-3


def test_devices_that_share_a_batch_normalise_by_all_of_it() -> None:
    shared = BatchNorm(False, momentum=0.8, epsilon=1e-3, axis_name="devices")
    x, dy = drawn(5, *SHAPE), drawn(6, *SHAPE)
    shares = (array.reshape(2, -1, *SHAPE[1:]) for array in (x, dy))
    run = jax.vmap(lambda x, dy: trained(shared, x, dy), axis_name="devices")
    found, whole = run(*shares), trained(FLAX, x, dy)
    for name in ("y", "of_x"):
        assert_close(found[name].reshape(SHAPE), whole[name], 1e-6)
    for part in range(2):
        of_part = jax.tree.map(lambda leaf, part=part: leaf[part], found)
        assert_close(of_part["batch_stats"], whole["batch_stats"], 1e-6)
    total = jax.tree.map(lambda leaf: leaf.sum(0), found["of_params"])
    assert_close(total, whole["of_params"], 1e-6)


def test_parameters_have_the_names_of_flax() -> None:
    class Norm(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            return batch_norm(train=True)(x)

    def initial() -> Any:
        return Norm().init(jax.random.key(0), jnp.zeros(SHAPE))

    with compiling_for("tpu"):
        ours = initial()
    jax.tree.map(np.testing.assert_array_equal, ours, initial())


def test_evaluation_and_native_forms_use_the_batch_norm_of_flax() -> None:
    with compiling_for("tpu"):
        assert type(batch_norm(train=True)) is BatchNorm
        assert type(batch_norm(train=False)) is nn.BatchNorm
        with native_forms():
            assert type(batch_norm(train=True)) is nn.BatchNorm
