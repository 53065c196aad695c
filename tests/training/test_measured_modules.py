"""Time measurements of modules, which run in turns and in inference mode."""

import itertools
from collections.abc import Generator
from typing import Any

import flax.linen as nn
import jax
import numpy as np
import pytest

from gpt_nas_jax.networks import blocks
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.training import latency


class Seen(nn.Module):
    """Records its name and the batch size and type of each run."""

    name_of_run: str

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        assert not train
        assert x.shape[1:] == (4, 4, 2)

        def note(value: np.ndarray) -> np.ndarray:
            RUNS.append((self.name_of_run, len(value), str(value.dtype)))
            return value

        out = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return jax.pure_callback(note, out, x)


RUNS: list[tuple[str, int, str]] = []


def whole(steps: Generator[None, None, Any]) -> list[Any]:
    """All values that a generator yields, then the one it returns."""
    found: list[Any] = []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as stop:
            return [*found, stop.value]


@pytest.mark.parametrize(("batch", "dtype"), [(1, "float32"), (3, "bfloat16")])
def test_modules_take_turns(batch: int, dtype: str):
    RUNS.clear()
    modules = [(Seen(name), (4, 4, 2)) for name in "ab"]
    steps = latency.measure(modules, batch, dtype)
    *yielded, (call, each) = whole(steps)
    assert len(yielded) == len(modules) + latency.ROUNDS * (1 + len(modules))
    assert call > 0
    assert len(each) == len(modules)
    assert min(each) > 0
    assert {run[1:] for run in RUNS} == {(batch, dtype)}
    names = [name for name, *_ in RUNS]
    changes = sum(one != other for one, other in itertools.pairwise(names))
    # The modules are compiled one by one; then each has a turn in every round.
    assert changes == 1 + 2 * latency.ROUNDS


def test_whole_networks_with_statistics_are_measured():
    network = Chain((blocks.ConvNormActivation(4, stride=2), Head(3)))
    *_, (call, (time,)) = whole(latency.measure([(network, (8, 8, 1))], 2, "bfloat16"))
    assert call > 0
    assert 0 < time < float("inf")
