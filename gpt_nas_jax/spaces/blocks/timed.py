"""Chains of blocks whose latency is foretold by a table of measured blocks."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.wrapped import Wrapped
from gpt_nas_jax.types import Genome

_MANTISSA = 24
"""Bits of a float32."""


@dataclasses.dataclass(frozen=True)
class Times:
    """Milliseconds that the parts of chains take on some device.

    Attributes:
      blocks: of every block at every place without its classifier, as of
        `BlockSpace.places`, each less the call of a program.
      head: of the classifier, likewise.
      call: of a program that does nothing, once for a network.
    """

    blocks: tuple[float, ...]
    head: float
    call: float


@dataclasses.dataclass(frozen=True)
class Timed(Wrapped):
    """A space that knows the latency of its networks; in all else the same.

    Attributes:
      space: of chains.
      times: of their parts.
    """

    space: BlockSpace
    times: Times

    def latency(self, genomes: Genome) -> jax.Array:
        """Milliseconds of a network by the sum over its parts, ``[...]``.

        Sums are exact, so that no limit depends on their order.
        """
        blocks, rest = _exact(self)
        return self.space.by_block(blocks, genomes).sum(-1) + jnp.float32(rest)


@functools.cache
def _exact(timed: Timed) -> tuple[np.ndarray, float]:
    """Times of blocks by stage, first of it and gene; those that every network has.

    They are multiples of a power of two so large that a float32 holds all sums; one
    bit is left for what rounding adds.
    """
    space, times = timed.space, timed.times
    rest = times.head + times.call
    bound = rest + space.max_depth * max(times.blocks)
    unit = 2.0 ** (math.ceil(math.log2(bound or 1.0)) + 1 - _MANTISSA)
    shape = space.num_stages, 2, space.num_genes
    # Places begin with the first block of a stage.
    blocks = np.array(times.blocks).reshape(shape)[:, ::-1]
    rounded = (np.round(blocks / unit) * unit).astype(np.float32)
    return rounded, round(rest / unit) * unit
