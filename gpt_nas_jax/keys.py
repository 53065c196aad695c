"""Where the randomness of each part of a run comes from."""

import zlib

import jax

from gpt_nas_jax.types import Key

# JAX lets a user change the default; a seed should not mean something else then.
GENERATOR = "threefry2x32"


def stage_key(seed: int, stage: str) -> Key:
    """The key of one stage: a name's CRC-32 folded into the seed's key.

    Everything random derives from (seed, stage, generation, candidate) by `fold_in`,
    so that no result depends on order, number of workers or interruptions.
    """
    return jax.random.fold_in(
        jax.random.key(seed, impl=GENERATOR), zlib.crc32(stage.encode())
    )
