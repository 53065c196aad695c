"""A chain cut so finely that networks share all their programs.

A block of a chain is one program. The cells of NAS-Bench-201 are 15,625 blocks but
three operations at three widths, so there each edge is a block of its own.
"""

import dataclasses

import flax.linen as nn

from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES
from gpt_nas_jax.networks.blocks import BatchNorm, ReLU
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.nasbench201 import network as nasbench201_network
from gpt_nas_jax.spaces.nasbench201.network import NONE, SKIP

INPUT = -1
"""The source that is a segment's input."""


@dataclasses.dataclass(frozen=True)
class Node:
    """A block in its place.

    Attributes:
      block: the module.
      in_size: height, width and channels of its input.
      sources: whose outputs, added up, are its input; without any it is zero. One that
        is listed twice counts twice.
    """

    block: nn.Module
    in_size: Size
    sources: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Segment:
    """A block of a network as a graph of smaller ones.

    Attributes:
      nodes: in an order in which sources come first.
      outputs: the sources whose sum is the segment's output.
      is_head: whether it makes the logits.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    is_head: bool = False


def segments(chain: Chain, in_size: Size) -> tuple[Segment, ...]:
    """The segments of a network, of which the last makes the logits.

    BatchNorm and ReLU directly before the classifier belong to its segment.
    """
    blocks = chain.blocks
    last = len(blocks) - 1
    while last and isinstance(blocks[last - 1], BatchNorm | ReLU):
        last -= 1
    parts = []
    for block in blocks[:last]:
        parts.append(_segment(block, in_size))
        in_size = trace(block, in_size).out_size
    nodes = []
    for index, block in enumerate(blocks[last:]):
        nodes.append(Node(block, in_size, (index - 1,)))
        in_size = trace(block, in_size).out_size
    return (*parts, Segment(tuple(nodes), (len(nodes) - 1,), is_head=True))


def is_connected(parts: tuple[Segment, ...]) -> bool:
    """Whether the logits depend on the images."""
    return all(_passes(part) for part in parts)


def _segment(block: nn.Module, in_size: Size) -> Segment:
    if isinstance(block, nasbench201_network.CellModule):
        return _cell(block.operations, in_size)
    return Segment((Node(block, in_size, (INPUT,)),), (0,))


def _cell(operations: tuple[int, ...], size: Size) -> Segment:
    """A cell of NAS-Bench-201; all in it has one size."""
    nodes: list[Node] = []
    into: dict[int, tuple[int, ...]] = {0: (INPUT,)}
    for (source, target), operation in zip(EDGES, operations, strict=True):
        added = into.get(source, ())
        if operation == NONE:
            added = ()
        elif operation != SKIP:
            nodes.append(Node(nasbench201_network.edge(operation), size, added))
            added = (len(nodes) - 1,)
        into[target] = into.get(target, ()) + added
    return Segment(tuple(nodes), into[max(into)])


def _passes(part: Segment) -> bool:
    reached = {INPUT}
    for index, node in enumerate(part.nodes):
        if reached & {*node.sources}:
            reached.add(index)
    return bool(reached & {*part.outputs})
