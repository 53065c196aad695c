"""Candidates that fail at random: NaN losses, out-of-memory errors, any exception."""

import functools
import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def install() -> None:
    """Makes half of the candidates trained in this process fail, chosen by key."""
    from gpt_nas_jax.evaluation import trained

    trained.chain_training.fit = functools.partial(_fit, trained.chain_training.fit)


def kind(key: Any) -> int:
    """The fault of a candidate with this key; from 4 on, none."""
    return zlib.crc32(np.asarray(jax.random.key_data(key)).tobytes()) % 8


def _fit(fit: Any, *args: Any, **options: Any) -> Any:
    match kind(args[4]):
        case 0:
            raise MemoryError("injected")
        case 1:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: injected")
        case 2:
            raise AssertionError("injected\nwith more lines")
        case 3:
            args = (*args[:6], _broken(args[6]))
    return fit(*args, **options)


def _broken(after_epoch: Any) -> Any:
    def call(epoch: int, states: Any, loss: Any) -> None:
        after_epoch(epoch, states, loss * jnp.nan)

    return call
