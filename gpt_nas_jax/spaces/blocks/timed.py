"""Chains of blocks with latency predicted from a table of measured blocks."""

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
    """Measured milliseconds of the parts of chains on a device.

    Attributes:
      blocks: of every block of `BlockSpace.places` except the classifier, each without
        the overhead of a program call.
      head: of the classifier, likewise.
      call: overhead of an empty program, counted once per network.
    """

    blocks: tuple[float, ...]
    head: float
    call: float


@dataclasses.dataclass(frozen=True)
class Timed(Wrapped):
    """A space extended by the latency of its networks.

    Attributes:
      space: the wrapped space of chains.
      times: of the chains' parts.
    """

    space: BlockSpace
    times: Times

    def latency(self, genomes: Genome) -> jax.Array:
        """Milliseconds of a network, summed over its parts, ``[...]``.

        Sums are exact, so that limits do not depend on the order of summation.
        """
        blocks, rest = _exact(self)
        return self.space.by_block(blocks, genomes).sum(-1) + jnp.float32(rest)


@functools.cache
def _exact(timed: Timed) -> tuple[np.ndarray, float]:
    """Times of blocks by stage, ``first`` and gene, and the time every network takes.

    They are multiples of a power of two chosen so that a float32 holds all sums
    exactly; one bit is left for the rounding.
    """
    space, times = timed.space, timed.times
    rest = times.head + times.call
    bound = rest + space.max_depth * max(times.blocks)
    unit = 2.0 ** (math.ceil(math.log2(bound or 1.0)) + 1 - _MANTISSA)
    shape = space.num_stages, 2, space.num_genes
    # `places` lists the first block of a stage before the others.
    blocks = np.array(times.blocks).reshape(shape)[:, ::-1]
    rounded = (np.round(blocks / unit) * unit).astype(np.float32)
    return rounded, round(rest / unit) * unit
