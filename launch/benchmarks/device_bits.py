"""Prints a hash of the result of one training step of each block.

A block whose lines differ between two runs does not train bit-identically:

  python launch/benchmarks/device_bits.py > one
  export XLA_FLAGS=--xla_force_host_platform_device_count=4
  python launch/benchmarks/device_bits.py > four
  diff one four
"""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES, candidate_block
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.rules import Rule

BATCH = 64
# Side of the images and channels.
SIZES = ((8, 16), (16, 32))


def bits(name: str, side: int, channels: int) -> str:
    """The hash of a block's new parameters, statistics and input gradient."""
    block, size = candidate_block(name, channels, 1, False), (side, side, channels)
    update, generator = optax.sgd(0.1), np.random.default_rng(0)
    state = programs.start(block, Rule.ALL, update, size, jax.random.key(0))
    x, dy = (
        jnp.asarray(generator.normal(size=(BATCH, *size)), jnp.float32)
        for _ in range(2)
    )
    y, stats, pullback = programs.forward(state, x, False)
    trained, _, dx = programs.backward(update, pullback, state, x, dy)
    digest = hashlib.sha256()
    for array in (y, stats, trained, *dx):
        digest.update(np.asarray(array).tobytes())
    return digest.hexdigest()[:16]


def main() -> None:
    """Prints a line per block and size."""
    for side, channels in SIZES:
        for name in BLOCK_NAMES:
            size = f"{BATCH}x{side}x{side}x{channels}"
            print(f"{name:20} {size:14} {bits(name, side, channels)}", flush=True)


if __name__ == "__main__":
    main()
