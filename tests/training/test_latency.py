"""How long modules take: every one is run, in inference mode, by turns."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.networks import blocks
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.training import latency


class Seen(nn.Module):
    """Notes how often it runs, and on what."""

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


@pytest.mark.parametrize(("batch", "dtype"), [(1, "float32"), (3, "bfloat16")])
def test_modules_take_turns(batch: int, dtype: str):
    RUNS.clear()
    modules = [(Seen(name), (4, 4, 2)) for name in "ab"]
    steps = latency.measure(modules, batch, dtype)
    count, done = 0, None
    while done is None:
        try:
            next(steps)
            count += 1
        except StopIteration as stop:
            done = stop.value
    call, each = done
    assert count == len(modules) + latency.ROUNDS * (1 + len(modules))
    assert call > 0
    assert all(time > call for time in each)
    assert {run[1:] for run in RUNS} == {(batch, dtype)}
    names = [name for name, *_ in RUNS]
    changes = sum(one != other for one, other in zip(names, names[1:], strict=False))
    # Compiled one after the other, then a turn of each in every round.
    assert changes == 1 + 2 * latency.ROUNDS


def test_whole_networks_with_statistics_are_measured():
    network = Chain((blocks.ConvNormActivation(4, stride=2), Head(3)))
    *_, done = _all(latency.measure([(network, (8, 8, 1))], 2, "bfloat16"))
    call, (time,) = done
    assert 0 < call
    assert 0 < time < jnp.inf


def _all(steps: latency.Generator) -> list[object]:
    """All that a generator yields, then its value."""
    found: list[object] = []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as stop:
            return [*found, stop.value]
