"""Training a whole network for long: smoothing, averages, dropout."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.networks.blocks import Conv
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.networks.zoo.seven import SEVEN
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.batches import DeviceImages
from gpt_nas_jax.training.loss import cross_entropy
from gpt_nas_jax.training.recipe import update_of

KEY = jax.random.key(5)
# Tracing each of the others takes ten seconds.
QUICK = ("EfficientNet-B0", "GoogLeNet", "ShuffleNetV2-x1.5")
SIZE = (8, 8, 1)
AVERAGED = RetrainRecipe(batch=32, learning_rate=0.05, warmup_epochs=0, ema=0.3)


@pytest.fixture(scope="module")
def batch(digits: DeviceImages) -> tuple[jax.Array, jax.Array]:
    return digits.images[:32] / 255.0, digits.labels[:32]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothed_labels_match_their_definition(smoothing: float) -> None:
    logits = np.random.default_rng(0).normal(size=(6, 5))
    labels = np.array([0, 4, 2, 2, 1, 3])
    targets = (1 - smoothing) * np.eye(5)[labels] + smoothing / 5
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -(targets * np.log(shares)).sum(1).mean()
    loss = cross_entropy(jnp.asarray(logits), jnp.asarray(labels), smoothing)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_the_average_is_that_of_the_weights_and_statistics_of_all_steps(
    batch: tuple[jax.Array, jax.Array],
) -> None:
    chain = candidate(("Stem",), width=16, num_stages=1, num_classes=10)
    update = update_of(AVERAGED, 1)
    state = whole.start(chain, AVERAGED, 1, SIZE, KEY)
    initial = {"params": state.params, "batch_stats": state.stats}
    expected = jax.tree.map(np.array, initial)
    for step in range(6):
        state, _ = whole.step(chain, update, state, *batch)
        # It rises: 0.1, 0.18, 0.25, then stays at 0.3.
        decay = min(0.3, (1 + step) / (10 + step))
        new = {"params": state.params, "batch_stats": state.stats}
        expected = jax.tree.map(
            lambda a, b, d=decay: d * a + (1 - d) * np.array(b), expected, new
        )
    assert jax.tree.structure(state.variables()) == jax.tree.structure(new)
    for mine, numpys in zip(
        jax.tree.leaves(state.variables()), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(mine, numpys, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("ema", [0.0, 0.3])
def test_shapes_are_those_of_a_network_before_its_first_step(ema: float) -> None:
    recipe = dataclasses.replace(AVERAGED, ema=ema)
    small = candidate(("Stem",), width=16, num_stages=1, num_classes=10)
    # The second has no running statistics.
    for chain in (small, Chain((Head(10, dropout=0.5),))):
        state = whole.start(chain, recipe, 1, SIZE, KEY)
        expected = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state)
        shapes = whole.shapes(chain, recipe, 1, SIZE, KEY)
        assert not any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(shapes))
        found = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), shapes)
        assert found == expected


def test_what_is_tested_and_kept_is_the_average(digits: DeviceImages) -> None:
    chain = Chain((Head(10),))
    state = whole.start(chain, AVERAGED, 1, SIZE, KEY)
    right = whole.accuracy(chain, state, digits, 64)
    lost = state.replace(params=jax.tree.map(jnp.zeros_like, state.params))
    assert whole.accuracy(chain, lost, digits, 64) == right
    plain = dataclasses.replace(AVERAGED, ema=0.0)
    last = whole.start(chain, plain, 1, SIZE, KEY)
    assert last.variables()["params"] is last.params


def test_dropout_is_drawn_anew_each_step_and_the_same_again(
    batch: tuple[jax.Array, jax.Array],
) -> None:
    chain = Chain((Head(10, dropout=0.5),))
    still = dataclasses.replace(AVERAGED, learning_rate=0.0)
    update = update_of(still, 1)

    def losses() -> list[float]:
        state, values = whole.start(chain, still, 1, SIZE, KEY), []
        for _ in range(3):
            state, loss = whole.step(chain, update, state, *batch)
            values.append(float(loss))
        return values

    assert losses() == losses()
    assert len(set(losses())) == 3


def stepped(
    chain: Chain, recipe: RetrainRecipe, batch: tuple[jax.Array, jax.Array]
) -> tuple[whole.NetworkState, list[float]]:
    """The network after three steps on the same batch, and their losses."""
    update, losses = update_of(recipe, 1), []
    state = whole.start(chain, recipe, 1, SIZE, KEY)
    for _ in range(3):
        state, loss = whole.step(chain, update, state, *batch)
        losses.append(float(loss))
    return state, losses


@pytest.mark.parametrize("parts", [2, 32])
def test_microbatches_come_to_the_whole_batch(
    batch: tuple[jax.Array, jax.Array], parts: int
) -> None:
    chain = Chain((Conv(16), Head(10)))
    recipe = dataclasses.replace(AVERAGED, label_smoothing=0.1)
    assert not whole.start(chain, recipe, 1, SIZE, KEY).stats
    cut = dataclasses.replace(recipe, accumulate=parts)
    (one, losses), (other, others) = (stepped(chain, r, batch) for r in (recipe, cut))
    np.testing.assert_allclose(others, losses, rtol=1e-5)
    for mine, theirs in zip(
        jax.tree.leaves((other.params, other.average)),
        jax.tree.leaves((one.params, one.average)),
        strict=True,
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_running_statistics_move_once_for_each_microbatch(
    batch: tuple[jax.Array, jax.Array],
) -> None:
    chain = candidate(("Stem",), width=16, num_stages=1, num_classes=10)
    still = dataclasses.replace(AVERAGED, learning_rate=0.0, weight_decay=0.0, ema=0.0)
    update = update_of(dataclasses.replace(still, accumulate=4), 1)
    found, loss = whole.step(
        chain, update, whole.start(chain, still, 1, SIZE, KEY), *batch
    )
    # At a learning rate of 0, four steps on quarters of the batch do the same.
    expected, losses = whole.start(chain, still, 1, SIZE, KEY), []
    for number in range(4):
        quarter = (part[number::4] for part in batch)
        expected, value = whole.step(chain, update_of(still, 1), expected, *quarter)
        losses.append(float(value))
    assert jax.tree.leaves(found.stats)
    for mine, theirs in zip(
        jax.tree.leaves(found.stats), jax.tree.leaves(expected.stats), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-5)


def test_every_microbatch_has_its_own_dropout() -> None:
    chain = Chain((Head(10, dropout=0.5),))
    still = dataclasses.replace(AVERAGED, learning_rate=0.0)
    # The same image twice: its microbatches differ only by dropout.
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 16)).astype(np.float32)
    two = jnp.asarray(np.repeat(image, 2, 0)), jnp.zeros(2, jnp.int32)

    def loss(parts: int, batch: tuple[jax.Array, jax.Array]) -> float:
        update = update_of(dataclasses.replace(still, accumulate=parts), 1)
        state = whole.start(chain, still, 1, (8, 8, 16), KEY)
        return float(whole.step(chain, update, state, *batch)[1])

    four = jax.tree.map(lambda a: jnp.repeat(a[:1], 4, 0), two)
    # With one mask for all microbatches, both would be the loss under this mask.
    assert loss(2, two) != pytest.approx(loss(4, four), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param(name, size, marks=[pytest.mark.long] if slow else [])
        for name in SEVEN.values()
        for size, slow in (((32, 32, 3), name not in QUICK), ((224, 224, 3), True))
    ],
)
def test_the_seven_human_networks_can_be_trained(
    name: str, size: tuple[int, int, int]
) -> None:
    """Evaluates shapes only; nothing is computed."""
    chain, update = ZOO[name].build(10, size), update_of(AVERAGED, 1)
    variables = trace(chain, size).variables

    def step(variables: Any, x: jax.Array, labels: jax.Array) -> Any:
        params, stats = variables["params"], variables["batch_stats"]
        inner = update.optimizer.init(params)
        state = whole.NetworkState(params, stats, inner, variables, jnp.int32(0), KEY)
        return whole.updated(chain, update, state, x, labels)

    x, labels = jnp.zeros((2, *size), jnp.bfloat16), jnp.zeros(2, jnp.int32)
    state, loss = jax.eval_shape(step, variables, x, labels)
    assert (loss.shape, loss.dtype) == ((), jnp.float32)
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), variables)
    assert shapes == jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state.average)
