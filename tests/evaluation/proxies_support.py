"""Networks and weights for the tests of zero-cost proxies."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from gpt_nas_jax.datasets.benchmarks.nasbench201 import OPERATIONS
from gpt_nas_jax.evaluation.proxies.segments import Segment
from gpt_nas_jax.networks.blocks import BatchNorm, ReLU
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.units import conv_norm
from gpt_nas_jax.spaces.nasbench201.network import CellModule
from gpt_nas_jax.training.vectors import unflatten

NONE, SKIP, CONV1, CONV3, POOL = range(len(OPERATIONS))
CLASSES = 3


def of_cells(*cells: tuple[int, ...]) -> Chain:
    """A small network of NAS-Bench-201 cells."""
    modules = [CellModule(operations) for operations in cells]
    return Chain((conv_norm(4, 3), *modules, BatchNorm(), ReLU(), Head(CLASSES)))


def numbers(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """Normally distributed float64 numbers that are exact in float32."""
    return generator.normal(size=shape).astype(np.float32).astype(np.float64)


def row(*arrays: np.ndarray) -> np.ndarray:
    """One block's parameter vector, from arrays in the order of their names."""
    parts = [array.ravel() for array in arrays]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float32)


def tree_of(
    chain: Chain,
    parts: tuple[Segment, ...],
    vectors: Mapping[tuple[int, int], np.ndarray],
) -> dict[str, Any]:
    """Arranges nodes' vectors as the whole network's tree; missing ones are zero."""
    tree: dict[str, Any] = {}
    for number, part in enumerate(parts):
        convolutions = 0
        for index, node in enumerate(part.nodes):
            shapes = trace(node.block, node.in_size).variables.get("params", {})
            if not shapes:
                continue
            size = sum(leaf.size for leaf in jax.tree.leaves(shapes))
            given = vectors.get((number, index), np.zeros(size))
            params = unflatten(shapes, np.asarray(given))
            place = number + index if part.is_head else number
            if isinstance(chain.blocks[place], CellModule):
                params = {f"ReluConvNorm_{convolutions}": params}
                convolutions += 1
            tree.setdefault(f"blocks_{place}", {}).update(params)
    return tree
