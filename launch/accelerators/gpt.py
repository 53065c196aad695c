"""Steps of the GPT."""

from collections.abc import Iterator
from typing import Any

import jax

from accelerators import settings
from accelerators.work import Work, array
from gpt_nas_jax.prior import fit, learning

# About the vocabulary size of NAS-Bench-101 and the 36 human networks.
_VOCABULARY = 128


def works(short: bool) -> Iterator[Work]:
    """One call of the training program, which makes many steps."""
    config = settings.config("cifar10").prior
    model = learning.gpt(config, _VOCABULARY)
    optimizer = fit.adam(config.learning_rate)
    loss = fit.NextLayerLoss(model)
    tokens = array((config.batch, config.context), "int32")
    params = jax.eval_shape(model.init, jax.random.key(0), tokens)["params"]
    state = jax.eval_shape(optimizer.init, params)

    def steps(*args: Any) -> Any:
        return fit.update.__wrapped__(loss, optimizer, *args)

    drawn = array((fit.STEPS_A_CALL, config.batch, config.context), "int32")
    yield Work(
        "gpt",
        f"{fit.STEPS_A_CALL} steps, width {config.width}, batch {config.batch}",
        steps,
        (params, state, (drawn, drawn)),
    )
