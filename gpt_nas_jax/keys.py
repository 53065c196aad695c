"""PRNG keys of the parts of a run."""

import zlib
from typing import Any

import jax

from gpt_nas_jax.types import Key

# Explicit, so that seeds keep their meaning if a user changes JAX's default.
GENERATOR = "threefry2x32"


def is_key(leaf: Any) -> bool:
    """Whether an array, or a shape, is of typed keys."""
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def stage_key(seed: int, stage: str) -> Key:
    """The key of a stage: the CRC-32 of its name folded into the seed's key.

    All randomness is derived from (seed, stage, generation, candidate) by `fold_in`, so
    that no result depends on order, number of workers or interruptions.
    """
    return jax.random.fold_in(
        jax.random.key(seed, impl=GENERATOR), zlib.crc32(stage.encode())
    )
