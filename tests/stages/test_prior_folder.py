"""Which runs find the prior of an earlier one."""

import dataclasses
from pathlib import Path

import pytest

from gpt_nas_jax.config import Config, PriorConfig
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.blocks.timed import Timed, Times
from gpt_nas_jax.spaces.limits import Limit, limited
from gpt_nas_jax.stages import pretrain
from gpt_nas_jax.types import Space

FAST = Times((1.0,) * 60, 0.1, 0.1)
SLOW = dataclasses.replace(FAST, call=3.0)


def chains(max_depth: int = 5) -> BlockSpace:
    return BlockSpace((8, 8, 3), 10, 2, max_depth, 16, 2)


def few(space: Space) -> Space:
    return limited(space, [Limit("flops", 1, 0)])


def quick(times: Times) -> Space:
    return limited(Timed(chains(), times), [Limit("latency", 0, 100)])


@pytest.mark.parametrize(
    ("space", "other", "same"),
    [
        (chains(), Timed(chains(), FAST), True),
        (few(chains()), few(Timed(chains(), FAST)), True),
        (chains(), chains(6), False),
        (chains(), few(chains()), False),
        (few(chains()), few(chains(6)), False),
        (Timed(chains(), FAST), Timed(chains(6), FAST), False),
        (quick(FAST), quick(SLOW), False),
    ],
)
def test_a_prior_is_shared_by_spaces_with_the_same_random_networks(
    space: Space, other: Space, same: bool, tmp_path: Path
):
    config = Config(prior=PriorConfig(dir=str(tmp_path)))
    first, second = (pretrain.folder(config, one, {}) for one in (space, other))
    assert (first == second) is same
