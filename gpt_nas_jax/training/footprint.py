"""Estimates the memory of training a chain from shapes.

A block's input and the outputs of its convolutions stay in memory until its backward
program has run. So the peak is in a backward program: that of the block where all that
is still kept, the two gradients and the program's own space are largest together. Only
the compiler knows a program's own space. Here it is taken to be twice the outputs of
the block's convolutions and its input once, or five times where it has a max pooling.
The peak of 24 random candidates is within 25 % of what the compilers say
(docs/accelerators.md).
"""

import dataclasses
import functools
import itertools
from typing import Any

import flax.linen as nn
import jax
import optax

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Pool, Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.rules import Rule
from gpt_nas_jax.training.stored import store

_POOLED = 4


@dataclasses.dataclass(frozen=True)
class BlockFootprint:
    """Memory of one block, in bytes.

    Attributes:
      state: parameters, statistics and the optimiser's state.
      x: its input.
      y: its output.
      saved: what its backward program receives besides its input.
      space: temporary memory of its backward program.
      trains: whether anything of it is trained.
    """

    state: int
    x: int
    y: int
    saved: int
    space: int
    trains: bool


def peak(blocks: list[BlockFootprint]) -> int:
    """Peak bytes in use during a training step of a chain.

    Args:
      blocks: of the chain, in its order.
    """
    lowest = next(number for number, block in enumerate(blocks) if block.trains)
    trained = blocks[lowest:]
    waiting = itertools.accumulate(block.x + block.saved for block in trained)
    # Nothing is kept below the lowest block that is trained.
    passing = [block.x + block.y for block in blocks[:lowest]]
    working = [
        kept + block.y + block.x + block.space
        for kept, block in zip(waiting, trained, strict=True)
    ]
    # A step holds old and new parameters at once.
    return 2 * sum(block.state for block in blocks) + max(passing + working)


def estimated_peak(
    chain: Chain,
    rules: tuple[Rule, ...],
    update: optax.GradientTransformation,
    in_size: Size,
    batch: int,
    dtype: str,
) -> int:
    """Estimated peak bytes of a training step of a chain, by `footprints`.

    The images of the data set are not counted.
    """
    return peak(footprints(chain, rules, update, in_size, batch, dtype))


def footprints(
    chain: Chain,
    rules: tuple[Rule, ...],
    update: optax.GradientTransformation,
    in_size: Size,
    batch: int,
    dtype: str,
) -> list[BlockFootprint]:
    """Memory of each block of a chain; nothing is compiled.

    Args:
      chain: the network.
      rules: what of each block is trained.
      update: the optimiser.
      in_size: of the images.
      batch: images of a step.
      dtype: that the blocks compute in.
    """
    found, size = [], in_size
    for number, (block, rule) in enumerate(zip(chain.blocks, rules, strict=True)):
        found.append(_block(block, rule, update, size, batch, dtype, number == 0))
        size = trace(block, size).out_size
    return found


@functools.cache
def _block(
    block: nn.Module,
    rule: Rule,
    update: optax.GradientTransformation,
    in_size: Size,
    batch: int,
    dtype: str,
    is_first: bool,
) -> BlockFootprint:
    state = programs.shapes(block, rule, update, in_size)
    x = jax.ShapeDtypeStruct((batch, *in_size), dtype)
    given = x if is_first else jax.eval_shape(store, x)
    y, _, pullback = programs.forward.eval_shape(state, given, is_first)
    saved, images = bytes_of(pullback), bytes_of(x)
    layers = (part.layer for part in trace(block, in_size).layers)
    pooled = any(isinstance(layer, Pool) and layer.type == "max" for layer in layers)
    return BlockFootprint(
        state=bytes_of(state),
        x=images,
        y=bytes_of(y),
        saved=saved,
        space=2 * saved + images * (1 + _POOLED * pooled),
        trains=state.rule is not Rule.NOTHING,
    )


def bytes_of(tree: Any) -> int:
    """Bytes of all arrays of a tree, or of their shapes and types."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
