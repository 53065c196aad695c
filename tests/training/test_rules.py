"""The paper's acceleration rules and how they split parameters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from gpt_nas_jax.networks.blocks import Bottleneck
from gpt_nas_jax.training.rules import Rule, accelerated, joined, partition


@pytest.mark.parametrize(
    ("proposed", "has_norm", "expected"),
    [
        ((False, True), True, (Rule.NOTHING, Rule.ALL)),
        ((True, True), False, (Rule.ALL, Rule.ALL)),
        ((False, False), True, (Rule.BATCH_NORM, Rule.BATCH_NORM)),
        ((False, False), False, (Rule.ALL, Rule.ALL)),
    ],
)
def test_proposed_blocks_else_batch_norm_else_everything(
    proposed: tuple[bool, ...], has_norm: bool, expected: tuple[Rule, ...]
) -> None:
    assert accelerated(proposed, has_norm) == expected


def test_partitions_are_complete_and_hold_what_their_rule_says() -> None:
    block = Bottleneck(16, 4)
    variables = block.init(jax.random.key(0), jnp.zeros((1, 4, 4, 8)), False)
    params = variables["params"]
    leaves = len(jax.tree.leaves(params))
    counts = {}
    for rule in Rule:
        trained, kept = partition(rule, variables)
        assert jax.tree.all(
            jax.tree.map(jnp.array_equal, joined(trained, kept), params)
        )
        counts[rule] = len(trained)
    # Four convolutions, each with a BatchNorm that has a scale and a bias.
    assert counts == {Rule.ALL: leaves, Rule.BATCH_NORM: 8, Rule.NOTHING: 0}
    assert leaves == 12


def test_a_batch_norm_is_one_by_whatever_name() -> None:
    block = nn.Sequential([nn.Dense(3), nn.BatchNorm(True)])
    variables = block.init(jax.random.key(0), jnp.zeros((2, 4)))
    trained, kept = partition(Rule.BATCH_NORM, variables)
    assert {path[-2:] for path in trained} == {
        ("layers_1", "bias"),
        ("layers_1", "scale"),
    }
    assert len(kept) == 2
