"""Proxies of a network with attention, whose layers are `nn.DenseGeneral`."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from proxies_support import CLASSES, tree_of

from gpt_nas_jax.evaluation.proxies import flow, loss, weights
from gpt_nas_jax.evaluation.proxies.segments import segments
from gpt_nas_jax.networks.chain import Chain, Head

BATCH, SIDE, CHANNELS, HEADS, OF_HEAD = 6, 2, 3, 2, 8
SIZE = (SIDE, SIDE, CHANNELS)


class Attention(nn.Module):
    """Attention over the pixels and a shortcut."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        tokens = x.reshape(len(x), -1, CHANNELS)
        mixed = nn.MultiHeadDotProductAttention(HEADS, qkv_features=HEADS * OF_HEAD)
        return x + mixed(tokens).reshape(x.shape)


CHAIN = Chain((Attention(), Head(CLASSES)))
PARTS = segments(CHAIN, SIZE)
WEIGHTS = weights.uniform(PARTS, jax.random.key(0))
VECTORS = {
    (number, index): vector
    for number, vectors in enumerate(WEIGHTS)
    for index, vector in enumerate(vectors)
}
PARAMS = tree_of(CHAIN, PARTS, VECTORS)
GENERATOR = np.random.default_rng(0)
IMAGES = jnp.asarray(GENERATOR.normal(size=(2, BATCH, *SIZE)), jnp.float32)
LABELS = jnp.asarray(GENERATOR.integers(0, CLASSES, (2, BATCH)))


def logits(params: Any, gates: list[jax.Array], images: jax.Array) -> jax.Array:
    """The network by its formulas, with every layer's output times a gate."""
    attention = params["blocks_0"]["MultiHeadDotProductAttention_0"]
    tokens = images.reshape(BATCH, -1, CHANNELS)

    def layer(name: str, gate: jax.Array) -> jax.Array:
        one = attention[name]
        out = jnp.einsum("btc,chd->bthd", tokens, one["kernel"]) + one["bias"]
        return out * gate[:, None]

    query, key, value = map(layer, ("query", "key", "value"), gates[:3])
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(OF_HEAD)
    mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), value)
    last = attention["out"]
    out = jnp.einsum("bthd,hdc->btc", mixed, last["kernel"]) + last["bias"]
    x = (tokens + out * gates[3][:, None]).mean(1)
    dense = params["blocks_1"]["Dense_0"]
    return (x @ dense["kernel"] + dense["bias"]) * gates[4]


def kernels(tree: Any) -> list[np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [np.asarray(leaf) for path, leaf in leaves if path[-1].key == "kernel"]


@pytest.fixture(scope="module")
def expected() -> dict[str, float]:
    """Proxies of the gradients, by reverse mode through the formulas."""

    @jax.jit
    @jax.grad
    def slope(both: Any, images: jax.Array, labels: jax.Array) -> Any:
        logs = jax.nn.log_softmax(logits(*both, images))
        return -jnp.take_along_axis(logs, labels[:, None], 1).mean()

    shapes = [(BATCH, HEADS, OF_HEAD)] * 3 + [(BATCH, CHANNELS), (BATCH, CLASSES)]
    counts = [CHANNELS] * 3 + [HEADS * OF_HEAD, CHANNELS]
    gates = [jnp.ones(shape) for shape in shapes]
    found: dict[str, list[float]] = {"grad_norm": [], "snip": [], "fisher": []}
    for images, labels in zip(IMAGES, LABELS, strict=True):
        of_params, of_gates = slope((PARAMS, gates), images, labels)
        pairs = [*zip(kernels(PARAMS), kernels(of_params), strict=True)]
        found["grad_norm"].append(sum(np.linalg.norm(g) for _, g in pairs))
        found["snip"].append(sum(abs(w * g).sum() for w, g in pairs))
        squares = [(np.asarray(g) ** 2).mean(0).sum() / 2 for g in of_gates]
        found["fisher"].append(float(np.dot(counts, squares)))
    return {name: float(np.mean(values)) for name, values in found.items()}


def test_proxies_of_gradients_are_those_of_the_formulas(expected: dict[str, float]):
    read = loss.read(PARTS, WEIGHTS, IMAGES, LABELS, loss.NAMES)
    found = loss.scores(jax.device_get(read))
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    # Without rectifiers naswot is the least.
    assert found.pop("naswot") == -np.inf
    assert {*found} == {*loss.NAMES} - {"naswot"}
    assert np.isfinite([*found.values()]).all()


def test_the_flow_through_attention_is_finite():
    found = flow.scores(flow.read(PARTS, WEIGHTS, jnp.ones((1, *SIZE))))
    assert np.isfinite([*found.values()]).all()


def test_kernels_are_drawn_by_the_numbers_that_each_output_sums_over():
    of_attention = PARAMS["blocks_0"]["MultiHeadDotProductAttention_0"]
    for name, fan_in in {
        **dict.fromkeys(("query", "key", "value"), CHANNELS),
        "out": HEADS * OF_HEAD,
    }.items():
        largest, bound = abs(of_attention[name]["kernel"]).max(), 1 / math.sqrt(fan_in)
        assert 0.8 * bound < largest <= bound
