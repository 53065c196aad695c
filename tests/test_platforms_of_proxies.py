"""The programs of the zero-cost proxies can be lowered for CPU, GPU and TPU."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from platforms_support import (
    BATCH,
    PLACES,
    UPDATE,
    Place,
    images,
    lower,
    name_of,
    plain,
)

from gpt_nas_jax.evaluation.proxies import passes as proxies
from gpt_nas_jax.networks.chain import Head
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.rules import Rule

FAST = PLACES[::12]
"""Places that the fast tests check."""


@pytest.mark.parametrize(
    "place",
    [
        place if place in FAST else pytest.param(place, marks=pytest.mark.slow)
        for place in PLACES
    ],
    ids=name_of,
)
def test_every_block_can_be_scored_at_every_place(place: Place) -> None:
    """Covers all programs of the zero-cost proxies, which compute in float32."""
    block, size = place
    used: set[str] = set()

    def called(name: str) -> Callable[..., Any]:
        used.add(name)
        return plain(getattr(proxies, name))

    def score(params: jax.Array, x: jax.Array, labels: jax.Array) -> Any:
        run = called("forward")(block, True, params, x)
        dy = called("signs")(jax.random.key(0), run.y)
        found, dx = called("backward")(block, size, params, run, dy)
        flow = called("forward")(block, False, jnp.abs(params), x)
        y, scale, log_scale = called("rescaled")(flow.y, jnp.float32(0))
        both = found.params, found.params
        gradients = block, size, params, found.params
        mixed = called("mixed_derivative")(*gradients, (x, x, x, x))
        result = [
            called("divided")(y, scale),
            called("_added")(found, found),
            called("input_gradient")(run, dy),
            called("log_flow")(*gradients, log_scale),
            called("signal_to_noise")(block, size, both),
            called("covariance")(run.y),
        ]
        logits = [part.reshape(BATCH, -1) for part in mixed]
        result.append(called("mixed_loss")(tuple(logits), labels))
        if run.y.ndim == 4:
            result.append(called("mean_jacobian")(dy, dx))
        return result

    state = programs.shapes(block, Rule.ALL, UPDATE, size)
    labels = jax.ShapeDtypeStruct((BATCH,), jnp.int32)
    lower(score, state.trained, images(size, "float32"), labels)
    there = {name for name, value in vars(proxies).items() if is_jitted(value)}
    assert there - used <= ({"mean_jacobian"} if isinstance(block, Head) else set())


def is_jitted(value: Any) -> bool:
    """Whether a member of the proxies' module is a jitted program."""
    return (
        hasattr(value, "__wrapped__")
        and getattr(value, "__module__", "") == proxies.__name__
    )
