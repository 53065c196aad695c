"""Block programs against the whole network as one program."""

import gc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.networks.blocks import Conv
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training import programs, whole
from gpt_nas_jax.training.batches import DeviceImages
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule

KEY = jax.random.key(3)


def collected(states: by_block.States) -> dict[str, Any]:
    """The blocks' variables in the layout of the whole network."""
    result: dict[str, Any] = {"params": {}, "batch_stats": {}}
    for index, state in enumerate(states):
        for name, tree in state.variables().items():
            if tree:
                result[name][f"blocks_{index}"] = tree
    return result


def rules(chain: Chain, *changed: tuple[int, Rule]) -> tuple[Rule, ...]:
    return tuple(dict(changed).get(i, Rule.ALL) for i in range(len(chain.blocks)))


@pytest.mark.slow
def test_an_epoch_equals_the_whole_network_program(
    chain: Chain, recipe: RetrainRecipe, digits: DeviceImages
) -> None:
    states, _ = by_block.fit(chain, rules(chain), recipe, digits, KEY, lambda: None)
    losses = []
    state = whole.fit(
        chain, recipe, digits, KEY, None, lambda *after: losses.append(after)
    )
    ours, theirs = collected(states), state.variables()
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for mine, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        # The gradient of a bias before a BatchNorm is only rounding error.
        distance = np.linalg.norm(mine - other)
        assert distance <= 1e-5 * np.linalg.norm(other) + 1e-7
    by_blocks = by_block.accuracy(states, digits, recipe.batch)
    assert by_blocks == whole.accuracy(chain, state, digits, recipe.batch)
    assert [done for done, *_ in losses] == list(range(1, 7))


@pytest.mark.slow
def test_training_goes_on_from_a_state_as_if_never_stopped(
    chain: Chain, digits: DeviceImages
) -> None:
    recipe = RetrainRecipe(
        epochs=2, batch=32, learning_rate=0.05, warmup_epochs=0, pad=1, ema=0.9
    )
    kept: dict[int, Any] = {}

    def keep(done: int, state: whole.NetworkState, loss: jax.Array) -> None:
        # The next step consumes the state.
        kept[done] = jax.tree.map(jnp.copy, state)

    whole.fit(chain, recipe, digits, KEY, None, keep)
    expected = kept[12]
    # An epoch has six batches: resume at the end of one and within one.
    for done in (6, 9):
        state = whole.fit(chain, recipe, digits, KEY, (done, kept[done]), keep)
        assert jax.tree.all(jax.tree.map(jnp.array_equal, state, expected))


@pytest.mark.parametrize("rule", [Rule.NOTHING, Rule.BATCH_NORM])
def test_what_a_rule_keeps_does_not_move(
    chain: Chain, recipe: RetrainRecipe, digits: DeviceImages, rule: Rule
) -> None:
    chosen = rules(chain, (0, rule), (2, rule))
    update = optimizer(recipe, 1)
    before = by_block.start(chain, chosen, update, (8, 8, 1), KEY)
    x, labels = jax.random.normal(KEY, (32, 8, 8, 1)), digits.labels[:32]
    after, _ = by_block.step(update, before, x, labels)
    for index in (0, 2):
        jax.tree.map(
            np.testing.assert_array_equal, after[index].kept, before[index].kept
        )
        assert len(after[index].kept) > 0
    moved = jax.tree.map(np.array_equal, after[1].trained, before[1].trained)
    assert not any(jax.tree.leaves(moved))
    # Running statistics are updated in kept blocks, too.
    means = jax.tree.map(np.array_equal, after[0].stats, before[0].stats)
    assert not all(jax.tree.leaves(means))


def test_kept_blocks_leave_the_gradients_of_others_as_they_are(
    chain: Chain, recipe: RetrainRecipe, digits: DeviceImages
) -> None:
    update = optimizer(recipe, 1)
    x, labels = jax.random.normal(KEY, (32, 8, 8, 1)), digits.labels[:32]
    results = []
    for chosen in (rules(chain), rules(chain, (0, Rule.NOTHING), (2, Rule.NOTHING))):
        states = by_block.start(chain, chosen, update, (8, 8, 1), KEY)
        results.append(by_block.step(update, states, x, labels)[0])
    for index in (1, 3):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
            results[0][index].trained,
            results[1][index].trained,
        )


@pytest.mark.slow
def test_a_candidate_of_blocks_met_before_compiles_nothing(
    chain: Chain, recipe: RetrainRecipe, digits: DeviceImages, compiled: list[str]
) -> None:
    def evaluate(chain: Chain) -> None:
        states, _ = by_block.fit(chain, rules(chain), recipe, digits, KEY, lambda: None)
        by_block.accuracy(states, digits, recipe.batch)

    evaluate(chain)
    assert compiled
    compiled.clear()
    evaluate(Chain(tuple(chain.blocks[i] for i in (0, 2, 3))))
    assert not compiled


@pytest.mark.slow
@pytest.mark.parametrize("way", [(Rule.ALL,), tuple(Rule)], ids=["all", "proposed"])
def test_a_candidate_compiles_nothing_once_its_blocks_are_warm(
    recipe: RetrainRecipe,
    digits: DeviceImages,
    compiled: list[str],
    way: tuple[Rule, ...],
) -> None:
    network = candidate(("Stem", "ReLU", "Conv"), 16, num_stages=1, num_classes=10)
    update = optimizer(recipe, len(digits) // recipe.batch)

    def evaluate(network: Chain, rule: Rule) -> None:
        chosen = rules(network, *((i, rule) for i in range(len(network.blocks) - 1)))
        states, _ = by_block.fit(network, chosen, recipe, digits, KEY, lambda: None)
        by_block.accuracy(states, digits, recipe.batch)

    # Compiles the programs of batches and losses.
    evaluate(candidate(("Conv",), 32, num_stages=1, num_classes=10), Rule.ALL)
    size = (8, 8, 1)
    for block in network.blocks:
        x = jax.ShapeDtypeStruct((recipe.batch, *size), "float32")
        by_block.compile_block(block, way, update, x, size == (8, 8, 1))
        size = trace(block, size).out_size
    compiled.clear()
    for rule in way:
        evaluate(network, rule)
    assert not compiled


def test_initial_weights_have_the_deviation_of_their_initialiser() -> None:
    state = programs.start(Conv(64), Rule.ALL, optax.sgd(0.1), (8, 8, 64), KEY)
    params = state.variables()["params"]
    # He initialisation: variance 2 / fan-out, with a fan-out of 3 * 3 * 64.
    expected = np.sqrt(2 / (9 * 64))
    assert np.std(params["Conv_0"]["kernel"]) == pytest.approx(expected, rel=0.02)
    assert np.all(params["Conv_0"]["bias"] == 0)


@pytest.mark.slow
def test_bfloat16_computes_as_float32_up_to_its_precision(
    chain: Chain, recipe: RetrainRecipe, digits: DeviceImages
) -> None:
    update = optimizer(recipe, 1)
    states = by_block.start(chain, rules(chain), update, (8, 8, 1), KEY)
    x, labels = digits.images[:32] / 16.0, digits.labels[:32]
    losses = {}
    for dtype in ("float32", "bfloat16"):
        new, losses[dtype] = by_block.step(update, states, x.astype(dtype), labels)
        for state in new:
            kept = jax.tree.leaves((state.trained, state.stats, state.optimizer))
            assert {str(leaf.dtype) for leaf in kept} <= {"float32", "int32"}
    assert losses["bfloat16"].dtype == "float32"
    assert losses["bfloat16"] == pytest.approx(float(losses["float32"]), rel=0.05)
    assert losses["bfloat16"] != losses["float32"]


@pytest.mark.long
def test_programs_and_arrays_do_not_accumulate_over_candidates(
    recipe: RetrainRecipe, digits: DeviceImages, compiled: list[str]
) -> None:
    """The numbers of programs and arrays depend on the space alone."""
    genes = ("Stem", "MaxPool", "ReLU")
    client = jax.devices()[0].client
    update = optimizer(recipe, 1)
    x, labels = digits.images[:32] / 16.0, digits.labels[:32]

    def evaluate(index: int) -> tuple[int, int]:
        # The digits in base 3 enumerate all chains of four genes.
        names = tuple(genes[index // 3**place % 3] for place in range(4))
        network = candidate(names, width=16, num_stages=1, num_classes=10)
        key = jax.random.fold_in(KEY, index)
        states = by_block.start(network, rules(network), update, (8, 8, 1), key)
        states, _ = by_block.step(update, states, x, labels)
        by_block.accuracy(states, digits, recipe.batch)
        del states
        gc.collect()
        return len(client.live_executables()), len(jax.live_arrays())

    first = [evaluate(index) for index in range(30)]
    compiled.clear()
    then = [evaluate(index) for index in range(30, 81)]
    assert not compiled
    assert np.all(np.max(then, axis=0) <= np.max(first, axis=0))
